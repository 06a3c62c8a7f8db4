// @annex/resolver: one function that answers the calls of an app's user interface.

/**
 * Collects functions under keys and makes one handler of them.
 *
 *     const resolver = new Resolver();
 *     resolver.define('getText', ({ payload, context }) => …);
 *     export const handler = resolver.getDefinitions();
 */
export default class Resolver {
  #functions = Object.create(null);

  /**
   * Answers calls of `key` with fn({ payload, context }).
   * @throws {TypeError} if fn is no function
   * @returns {this}
   */
  define(key, fn) {
    if (typeof fn !== 'function') throw new TypeError(`Resolver.define(${JSON.stringify(key)}): the resolver must be a function`);
    this.#functions[key] = fn;
    return this;
  }

  /**
   * The handler: one function for all keys. It rejects with RESOLVER_NOT_FOUND for a key
   * that was not defined; a resolver that returns nothing answers `{}`.
   */
  getDefinitions() {
    const functions = this.#functions;
    return async function resolve({ call, context, ...rest } = {}, callContext) {
      const key = call?.functionKey;
      const fn = functions[key];
      if (fn === undefined) {
        const has = Object.keys(functions).map((k) => JSON.stringify(k)).join(', ') || 'none';
        const err = new Error(`Resolver has no definition for ${JSON.stringify(key)}; it has ${has}`);
        err.name = 'ResolverNotFoundError';
        err.code = 'RESOLVER_NOT_FOUND';
        throw err;
      }
      const result = await fn({
        payload: call.payload ?? rest.payload ?? {},
        context: { ...context, ...callContext, ...(call.jobId !== undefined && { jobId: call.jobId }) },
      });
      return result === undefined ? {} : result;
    };
  }
}

/** The same, as a function: makeResolver({ key: fn }). */
export function makeResolver(functions) {
  const resolver = new Resolver();
  for (const [key, fn] of Object.entries(functions)) resolver.define(key, fn);
  return resolver.getDefinitions();
}
export { Resolver };
