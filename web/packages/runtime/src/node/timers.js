// node:timers: the globals, read when they are used.
export const setTimeout = (...args) => globalThis.setTimeout(...args);
export const setInterval = (...args) => globalThis.setInterval(...args);
export const setImmediate = (...args) => globalThis.setImmediate(...args);
export const clearTimeout = (timer) => globalThis.clearTimeout(timer);
export const clearInterval = (timer) => globalThis.clearInterval(timer);
export const clearImmediate = (timer) => globalThis.clearImmediate(timer);
import promises from './timers-promises.js';

const promised = Symbol.for('nodejs.util.promisify.custom');
setTimeout[promised] = promises.setTimeout;
setImmediate[promised] = promises.setImmediate;

export { promises };
export default { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises };
