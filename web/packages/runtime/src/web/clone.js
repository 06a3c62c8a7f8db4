// structuredClone: the standard's types, cycles and all; what it cannot clone is a
// DataCloneError. Transferred buffers are detached where the engine can.
import { Blob, File, bytesOfBlob } from './blob.js';

const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const wrappers = [Boolean, Number, String, BigInt];

export function structuredClone(value, options = {}) {
  if (arguments.length === 0) throw new TypeError('structuredClone: a value is needed');
  const seen = new Map();
  for (const buffer of options?.transfer ?? []) {
    if (!(buffer instanceof ArrayBuffer)) throw refuse(buffer);
    seen.set(buffer, buffer.transfer());
  }
  return copy(value, seen);
}

function refuse(value) {
  let name = typeof value;
  try {
    name = typeof value === 'function' ? `function ${value.name}` : typeof value === 'object' ? Object.prototype.toString.call(value) : String(value);
  } catch { /* a value that cannot be named is refused all the same */ }
  return new DOMException(`${name} could not be cloned.`, 'DataCloneError');
}

function copy(value, seen) {
  if (typeof value === 'symbol' || typeof value === 'function') throw refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (made) => {
    seen.set(value, made);
    return made;
  };
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof SharedArrayBuffer) throw refuse(value);
    const buffer = copy(value.buffer, seen);
    const Type = value instanceof DataView ? DataView : globalThis[value[Symbol.toStringTag]];
    const length = value instanceof DataView ? value.byteLength : value.length;
    return keep(new Type(buffer, value.byteOffset, length));
  }
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (wrappers.some((w) => value instanceof w)) return keep(Object(value.valueOf()));
  if (value instanceof File) return keep(new File([bytesOfBlob(value)], value.name, { type: value.type, lastModified: value.lastModified }));
  if (value instanceof Blob) return keep(new Blob([bytesOfBlob(value)], { type: value.type }));
  if (value instanceof Map) {
    const made = keep(new Map());
    for (const [k, v] of [...value]) made.set(copy(k, seen), copy(v, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set());
    for (const v of [...value]) made.add(copy(v, seen));
    return made;
  }
  if (value instanceof DOMException) return keep(new DOMException(value.message, value.name));
  if (value instanceof Error) return copyError(value, keep, seen);
  if (Array.isArray(value)) {
    const made = keep(new Array(value.length));
    for (const key of Object.keys(value)) made[key] = copy(value[key], seen);
    return made;
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || value instanceof SharedArrayBuffer) throw refuse(value);
  const made = keep({});
  for (const key of Object.keys(value)) made[key] = copy(value[key], seen);
  return made;
}

function copyError(value, keep, seen) {
  const made = keep(new (errors[value.name] ?? Error)(String(value.message)));
  const define = (key, v) => Object.defineProperty(made, key, { value: v, writable: true, configurable: true });
  if (typeof value.stack === 'string') define('stack', value.stack);
  if ('cause' in value) define('cause', copy(value.cause, seen));
  return made;
}
