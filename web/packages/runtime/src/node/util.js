// node:util, from the npm package of that name, with what Node.js added since.
import '../web/early.js';
import util from 'util/util.js';
import { format, formatWithOptions, inspect, stripVTControlCharacters } from './inspect.js';
import { notOfferedNow } from '../faults.js';
import { TextDecoder, TextEncoder } from '../web/encoding.js';
import { AbortController, AbortSignal } from '../web/abort.js';

export const {
  deprecate, debuglog, isArray, isBoolean, isNull, isNullOrUndefined, isNumber, isString, isSymbol, isUndefined,
  isRegExp, isObject, isDate, isError, isFunction, isPrimitive, isBuffer, log, inherits, _extend, callbackify,
} = util;
export { TextDecoder, TextEncoder };
export { format, formatWithOptions, inspect, stripVTControlCharacters };

const { promisify: wrapped } = util; // it is replaced below
const custom = Symbol.for('nodejs.util.promisify.custom');
/** A function that returns a promise instead of taking a callback. */
export function promisify(fn) {
  const own = fn?.[custom];
  if (own === undefined) return wrapped(fn);
  if (typeof own !== 'function') throw Object.assign(new TypeError('The "util.promisify.custom" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
  return own;
}
promisify.custom = custom;
export const types = { ...util.types, isProxy: notOfferedNow('util.types.isProxy'), isExternal: () => false, isModuleNamespaceObject: () => false };
export const debug = debuglog;

export const toUSVString = (text) => String(text).toWellFormed();
export const aborted = (signal) => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
export const transferableAbortController = () => new AbortController();
export const transferableAbortSignal = (signal) => signal;
void AbortSignal;
export const parseArgs = notOfferedNow('util.parseArgs');
export function styleText(format, text) { return String(text); }

/** Whether two values are equal in the sense of assert.deepStrictEqual. */
export function isDeepStrictEqual(a, b) { return equal(a, b, new Map()); }

function equal(a, b, seen) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp) return a.source === b.source && a.flags === b.flags && a.lastIndex === b.lastIndex;
  if (a instanceof Error && (a.message !== b.message || a.name !== b.name)) return false;
  if ((a instanceof Number || a instanceof String || a instanceof Boolean) && !Object.is(a.valueOf(), b.valueOf())) return false;
  if (ArrayBuffer.isView(a)) {
    if (a.byteLength !== b.byteLength) return false;
    const x = new Uint8Array(a.buffer, a.byteOffset, a.byteLength);
    const y = new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
    return x.every((v, i) => v === y[i]);
  }
  if (a instanceof Map || a instanceof Set) {
    if (a.size !== b.size) return false;
    const others = [...b];
    return [...a].every((x) => {
      const at = others.findIndex((y) => equal(x, y, new Map(seen)));
      if (at >= 0) others.splice(at, 1);
      return at >= 0;
    });
  }
  const keys = own(a);
  if (keys.length !== own(b).length) return false;
  return keys.every((k) => Object.prototype.propertyIsEnumerable.call(b, k) && equal(a[k], b[k], seen));
}

const own = (value) => Reflect.ownKeys(value).filter((k) => Object.prototype.propertyIsEnumerable.call(value, k));

Object.assign(util, {
  inspect, format, types,
  TextDecoder, TextEncoder, debug, formatWithOptions, stripVTControlCharacters, toUSVString, aborted, transferableAbortController,
  transferableAbortSignal, parseArgs, styleText, isDeepStrictEqual, promisify,
});
export default util;
