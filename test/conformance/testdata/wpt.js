// Runs one file of the web platform tests inside a call. Each subtest's result leaves as a
// log line, so that a call that ends early keeps those that it had.
(function (require, register) {
  const { log } = console;
  const eval_ = globalThis.eval;

  function run({ harness, test, location }) {
    const at = new URL(location);
    const base = at.href;
    const { href, origin, protocol, host, hostname, port, pathname, search, hash } = at;
    globalThis.location = { href, origin, protocol, host, hostname, port, pathname, search, hash };
    globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };
    // Files name others relative to themselves. An app has no place of its own.
    const absolute = (input) => (typeof input === 'string' || input instanceof URL ? new URL(input, base).href : input);
    const { fetch: realFetch, Request: RealRequest } = globalThis;
    globalThis.fetch = function fetch(input, init) {
      try { input = absolute(input); } catch (err) { return Promise.reject(new TypeError(err.message)); }
      return realFetch(input, init);
    };
    globalThis.Request = new Proxy(RealRequest, {
      construct(target, args, self) {
        if (args.length > 0) {
          const text = typeof args[0] === 'object' && args[0] instanceof RealRequest ? args[0] : String(args[0]);
          args = [absolute(text), ...args.slice(1)];
        }
        return Reflect.construct(target, args, self === globalThis.Request ? target : self);
      },
    });
    RealRequest.prototype.constructor = globalThis.Request;
    const { setTimeout } = globalThis;
    eval_(harness);
    // What is offered to workers is what idlharness looks for.
    Object.defineProperty(globalThis, 'DedicatedWorkerGlobalScope', { value: class { static [Symbol.hasInstance](value) { return value === globalThis; } }, configurable: true });
    const { add_result_callback, add_completion_callback, timeout, setup } = globalThis;
    setup({ explicit_timeout: true });
    const result = (t) => log('\u0001', String(t.name), t.status, String(t.message ?? ''));
    add_result_callback(result);
    return new Promise((resolve, reject) => {
      add_completion_callback((tests, status) => {
        if (status.status === 1) reject(new Error(`the harness: ${status.message}`));
        else resolve();
      });
      setTimeout(() => timeout(), 60000);
      try {
        eval_(test);
      } catch (err) {
        reject(err);
      }
    });
  }
  register({ t: { run } });
})
