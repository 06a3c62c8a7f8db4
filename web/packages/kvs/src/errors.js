// The errors of the store.

export class ForgeKvsError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** An answer of the store that is no success. `code` says which; `status` is its HTTP form. */
export class ForgeKvsAPIError extends ForgeKvsError {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message, context = undefined) {
    super(message);
    this.status = status;
    this.code = code;
    if (context !== undefined) this.context = context;
  }
  get responseDetails() { return { status: this.status, statusText: this.code }; }
}

/** Gives a refusal of the host the class that app code tests for; its fields stay. */
export function storageError(err) {
  if (!(err instanceof Error) || typeof err.code !== 'string' || err.code === 'MODULE_SCOPE_CALL') return err;
  Object.setPrototypeOf(err, ForgeKvsAPIError.prototype);
  if (err.name === err.code || err.name === 'Error') err.name = 'ForgeKvsAPIError';
  return err;
}
