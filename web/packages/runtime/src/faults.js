// Errors that the base image itself makes. They carry a stable `code`; messages are
// for people and may change.

/** A member that exists so that apps which import it bundle, but is not built. */
export class NotOfferedError extends Error {
  /** @param {string} member the member's name as app code writes it */
  constructor(member) {
    super(`${member} is not offered by this version of Annex`);
    this.name = 'NotOfferedError';
    this.code = 'NOT_OFFERED';
    this.member = member;
  }
}

const mark = Symbol.for('annex.notOffered');

/** Marks a function that refuses in a way of its own, for docs/sdk.md. */
export function unbuilt(fn) {
  fn[mark] = true;
  return fn;
}

/**
 * An asynchronous member that is not built: calling it rejects with NOT_OFFERED.
 * @param {string} member
 * @returns {(...args: unknown[]) => Promise<never>}
 */
export function notOffered(member) {
  return unbuilt({ [member]: async () => { throw new NotOfferedError(member); } }[member]);
}

/**
 * A synchronous member that is not built: calling it throws NOT_OFFERED.
 * @param {string} member
 * @returns {(...args: unknown[]) => never}
 */
export function notOfferedNow(member) {
  return unbuilt({ [member]() { throw new NotOfferedError(member); } }[member]);
}

/**
 * A class that is not built: it can be extended, and throws NOT_OFFERED when made.
 * @param {string} member
 */
export function notOfferedClass(member) {
  return unbuilt({ [member]: class { constructor() { throw new NotOfferedError(member); } } }[member]);
}

/**
 * An object any method of which is not built: `group.anything()` rejects with
 * NOT_OFFERED naming it. Symbols and `then` are absent, so that it can be awaited,
 * printed and returned without being taken for a promise.
 * @param {string} name
 * @param {object} [own] members that do work
 * @returns {any}
 */
export function notOfferedGroup(name, own = {}) {
  return new Proxy(own, {
    get(target, key) {
      if (Reflect.has(target, key)) return Reflect.get(target, key);
      if (typeof key === 'symbol' && key === mark) return true;
      if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
      return notOffered(`${name}.${key}`);
    },
  });
}
