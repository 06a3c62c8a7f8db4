// node:timers/promises.

function wait(ms, value, { signal } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      globalThis.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve(value);
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

const timeout = (ms, value, options) => wait(ms, value, options);
const immediate = (value, options) => wait(0, value, options);
async function* interval(ms, value, options) {
  for (;;) yield await wait(ms, value, options);
}
export const scheduler = Object.freeze({ wait: (ms, options) => wait(ms, undefined, options), yield: () => wait(0) });
export { timeout as setTimeout, immediate as setImmediate, interval as setInterval };
export default { setTimeout: timeout, setImmediate: immediate, setInterval: interval, scheduler };
