// The Web Crypto API's globals: random values here, SubtleCrypto in subtle.js.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf } from './bytes.js';
import { SubtleCrypto, subtle } from './subtle.js';

export { CryptoKey } from './subtle.js';
export { SubtleCrypto };

const integers = new Set(['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array']);
const fail = (message, name) => new DOMException(message, name);
const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

/** More was asked for than there is; `quota` and `requested` say how much, where that is known. */
export class QuotaExceededError extends DOMException {
  #quota;
  #requested;
  constructor(message = '', { quota, requested } = {}) {
    super(message, 'QuotaExceededError');
    this.#quota = quota ?? null;
    this.#requested = requested ?? null;
  }
  get quota() { return this.#quota; }
  get requested() { return this.#requested; }
}

/** Compares without telling, by its time, where the difference is. */
export const equal = (a, b) => kernel.native('equal', a, b);

const hex = [];
for (let i = 0; i < 256; i++) hex.push(i.toString(16).padStart(2, '0'));

/** A version 4 UUID. */
export function randomUUID() {
  const b = kernel.random(16);
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  let s = '';
  for (let i = 0; i < 16; i++) s += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + hex[b[i]];
  return s;
}

export class Crypto {
  constructor(key) {
    if (key !== made) throw new TypeError('Illegal constructor');
  }
  get subtle() { return subtle; }
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array) || !integers.has(tagOf.call(array))) throw fail('getRandomValues: an array of integers is needed', 'TypeMismatchError');
    if (array.byteLength > 65536) throw new QuotaExceededError(`getRandomValues: ${array.byteLength} bytes were asked for, 65536 are the most`);
    bytesOf(array).set(kernel.random(array.byteLength));
    return array;
  }
  randomUUID() { return randomUUID(); }
  get [Symbol.toStringTag]() { return 'Crypto'; }
}
const made = Symbol('Crypto');
export const crypto = new Crypto(made);
