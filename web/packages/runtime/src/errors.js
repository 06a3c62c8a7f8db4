// The error classes that app code tests with instanceof. Their names and fields are
// those that apps written for Forge look for.

/** A request that was answered with, or failed as, an HTTP status. */
export class HttpError extends Error {
  constructor(message, { status = 500, code, statusText, ...fields } = {}) {
    super(message);
    this.name = new.target.name;
    this.status = status;
    if (code !== undefined) this.code = code;
    if (statusText !== undefined) this.statusText = statusText;
    Object.assign(this, fields);
  }
  get statusCode() { return this.status; }
}

/** A request that could not be made or finished. */
export class FetchError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'FetchError';
  }
}

/** The platform refused: 403. */
export class NotAllowedError extends HttpError {
  constructor(message, fields = {}) { super(message, { status: 403, code: 'NOT_ALLOWED', ...fields }); }
}

/** A destination that the installation's grant does not hold. `code` is REQUEST_EGRESS_ALLOWLIST_ERR. */
export class ExternalEndpointNotAllowedError extends NotAllowedError {
  constructor(message, fields = {}) { super(message, { code: 'REQUEST_EGRESS_ALLOWLIST_ERR', ...fields }); }
}

/** An operation of a product that the installation's grant does not hold. */
export class ProductEndpointNotAllowedError extends NotAllowedError {}

/** A product where the app is not installed. */
export class RequestProductNotAllowedError extends NotAllowedError {}

/** A workspace that the request names and that is not the installation's. */
export class InvalidWorkspaceRequestedError extends NotAllowedError {}

/** The user has not agreed, or not connected an account: 401. */
export class NeedsAuthenticationError extends HttpError {
  constructor(message = 'Authentication Required', serviceKey = undefined, options = {}) {
    super(message, { status: 401, code: 'NEEDS_AUTHENTICATION_ERR', serviceKey, options });
  }
}

/** The platform's proxy answered in place of the destination. */
export class ProxyRequestError extends HttpError {
  constructor(status = 502, code = 'PROXY_ERR', message = `the platform's proxy answered ${code}`) { super(message, { status, code }); }
}

const classes = {
  REQUEST_EGRESS_ALLOWLIST_ERR: ExternalEndpointNotAllowedError,
  NEEDS_AUTHENTICATION_ERR: NeedsAuthenticationError,
  PROXY_ERR: ProxyRequestError,
  PRODUCT_NOT_INSTALLED: RequestProductNotAllowedError,
  USER_OF_ANOTHER_PRODUCT: RequestProductNotAllowedError,
};

/** Gives a refusal of the host the class that app code tests for; its fields stay. */
export function classed(err) {
  const cls = classes[err?.code];
  if (cls && !(err instanceof cls)) Object.setPrototypeOf(err, cls.prototype);
  return err;
}

/** Whether an error is one that the platform expects, as a request for consent is. */
export function isExpectedError(err) { return Boolean(err?.options?.isExpectedError); }
/** Whether an error was made by the platform, not by app code. */
export function isForgePlatformError(err) {
  return err instanceof HttpError || err instanceof FetchError;
}
/** Whether an error was made by app code. */
export function isHostedCodeError(err) { return err instanceof Error && !isForgePlatformError(err); }
