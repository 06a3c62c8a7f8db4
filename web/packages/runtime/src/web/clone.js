// structuredClone: the standard's types, cycles and all; what it cannot clone is a
// DataCloneError, and then nothing was transferred.
import { Blob, File, blobOf, bytesOfBlob, renamed } from './blob.js';
import { dictionary, need } from './webidl.js';

const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const wrappers = [Boolean, Number, String, BigInt];
const opaque = [Promise, WeakMap, WeakSet, WeakRef, Symbol];
const platform = new Set(); // prototypes of interfaces whose objects cannot be cloned
const transfers = []; // [class, take over]: what can change hands besides buffers

/** Names the interfaces whose objects cannot be cloned. */
export function refuseToClone(classes) { for (const Class of classes) platform.add(Class.prototype); }
/** Names an interface whose objects can be transferred, and how. */
export function letTransfer(Class, take) { transfers.push([Class, take]); }

export function structuredClone(value, options = undefined) {
  need(arguments.length, 1, 'structuredClone');
  const { transfer } = dictionary(options, 'structuredClone');
  return cloneWith(value, transfer === undefined ? [] : [...transfer]).value;
}

/** The clone, and what took the place of each thing transferred. */
export function cloneWith(value, list) {
  const seen = new Map();
  const takes = [];
  const done = new Set();
  for (const item of list) {
    const how = item instanceof ArrayBuffer ? null : transfers.find(([Class]) => item instanceof Class);
    if (how === undefined || done.has(item) || (how === null && item.detached)) throw refuse(item);
    done.add(item);
    // A buffer is detached when all else is known to be cloned.
    if (how === null) {
      const copied = cloneBuffer(item);
      seen.set(item, copied);
      takes.push(() => {
        item.transfer();
        return copied;
      });
    } else {
      takes.push(how[1](item, seen));
    }
  }
  const cloned = copy(value, seen);
  return { value: cloned, transferred: takes.map((take) => take()) };
}

function refuse(value) {
  let name = typeof value;
  try {
    name = typeof value === 'function' ? `function ${value.name}` : typeof value === 'object' ? Object.prototype.toString.call(value) : String(value);
  } catch { /* a value that cannot be named is refused all the same */ }
  return new DOMException(`${name} could not be cloned.`, 'DataCloneError');
}

function cloneBuffer(buffer) {
  if (buffer.detached) throw refuse(buffer);
  if (!buffer.resizable) return buffer.slice(0);
  const made = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength });
  new Uint8Array(made).set(new Uint8Array(buffer));
  return made;
}

// outOfBounds says whether a view lies outside of what its buffer has become.
function outOfBounds(view) {
  try {
    if (view instanceof DataView) void view.byteLength;
    else view.at(0);
  } catch {
    return true;
  }
  return false;
}

function copy(value, seen) {
  if (typeof value === 'symbol' || typeof value === 'function') throw refuse(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (made) => {
    seen.set(value, made);
    return made;
  };
  if (value instanceof ArrayBuffer) return keep(cloneBuffer(value));
  if (ArrayBuffer.isView(value)) {
    if (!(value.buffer instanceof ArrayBuffer) || outOfBounds(value)) throw refuse(value);
    const buffer = copy(value.buffer, seen);
    const Type = value instanceof DataView ? DataView : globalThis[value[Symbol.toStringTag]];
    const length = value instanceof DataView ? value.byteLength : value.length;
    return keep(new Type(buffer, value.byteOffset, length));
  }
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (wrappers.some((w) => value instanceof w)) return keep(Object(value.valueOf()));
  if (value instanceof File) return keep(renamed(value, value.name));
  if (value instanceof Blob) return keep(blobOf(bytesOfBlob(value), value.type));
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
  if (opaque.some((type) => value instanceof type)) throw refuse(value);
  if (globalThis.SharedArrayBuffer && value instanceof SharedArrayBuffer) throw refuse(value);
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (platform.has(proto)) throw refuse(value);
  }
  const made = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) {
    // Not set: a setter on a prototype is none of the clone's.
    if (Object.hasOwn(value, key)) Object.defineProperty(made, key, { value: copy(value[key], seen), writable: true, enumerable: true, configurable: true });
  }
  return made;
}

function copyError(value, keep, seen) {
  const { name } = value;
  const Type = Object.hasOwn(errors, name) ? errors[name] : Error;
  const made = keep(new Type());
  const define = (key, v) => Object.defineProperty(made, key, { value: v, writable: true, configurable: true });
  const message = Object.getOwnPropertyDescriptor(value, 'message');
  delete made.message;
  if (message && 'value' in message) define('message', `${message.value}`);
  if (typeof value.stack === 'string') define('stack', value.stack);
  if (Object.hasOwn(value, 'cause')) define('cause', copy(value.cause, seen));
  return made;
}
