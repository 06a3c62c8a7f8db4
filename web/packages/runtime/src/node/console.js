// node:console: the global console, read when it is used.
const console = new Proxy({}, { get: (_, key) => globalThis.console[key], has: (_, key) => key in globalThis.console });
const method = (name) => (...args) => globalThis.console[name](...args);
export const log = method('log');
export const info = method('info');
export const debug = method('debug');
export const warn = method('warn');
export const error = method('error');
export default console;
