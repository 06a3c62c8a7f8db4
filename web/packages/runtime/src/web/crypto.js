// The Web Crypto API as far as the host's natives go: random values, digests, HMAC.
// Other algorithms reject with a NotSupportedError that names them.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf } from './bytes.js';

const hashes = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
const blocks = { 'SHA-1': 64, 'SHA-256': 64, 'SHA-384': 128, 'SHA-512': 128 };
const integers = new Set(['Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array']);

const fail = (message, name) => new DOMException(message, name);

function nameOf(algorithm) {
  return String(typeof algorithm === 'string' ? algorithm : algorithm?.name);
}

function hashOf(algorithm, what) {
  const name = nameOf(algorithm).toUpperCase();
  if (!(name in hashes)) throw fail(`${what}: ${nameOf(algorithm)} is not offered (${Object.keys(hashes).join(', ')} are)`, 'NotSupportedError');
  return name;
}

/** A key that only these functions can read. */
export class CryptoKey {
  #raw;
  constructor(key, raw, fields) {
    if (key !== made) throw new TypeError('Illegal constructor');
    this.#raw = raw;
    Object.assign(this, fields);
    Object.freeze(this);
  }
  static raw(key) {
    if (!(key instanceof CryptoKey)) throw new TypeError('a CryptoKey is needed');
    return key.#raw;
  }
}
const made = Symbol('CryptoKey');
const rawOf = CryptoKey.raw;
delete CryptoKey.raw;

const base64url = { alphabet: 'base64url', omitPadding: true };

function hmacOnly(algorithm, what) {
  if (nameOf(algorithm).toUpperCase() !== 'HMAC') throw fail(`${what}: ${nameOf(algorithm)} is not offered (HMAC is)`, 'NotSupportedError');
}

function usable(key, usage, algorithm) {
  hmacOnly(algorithm, usage);
  const raw = rawOf(key);
  if (!key.usages.includes(usage)) throw fail(`the key may not be used to ${usage}`, 'InvalidAccessError');
  return raw;
}

function hmacKey(raw, hash, extractable, usages) {
  for (const u of usages) if (u !== 'sign' && u !== 'verify') throw new SyntaxError(`an HMAC key cannot be used to ${u}`);
  return new CryptoKey(made, raw, {
    type: 'secret', extractable: Boolean(extractable), usages: Object.freeze([...usages]),
    algorithm: Object.freeze({ name: 'HMAC', hash: Object.freeze({ name: hash }), length: raw.length * 8 }),
  });
}

const whole = (bytes) => bytes.buffer.byteLength === bytes.length ? bytes.buffer : bytes.slice().buffer;
const unbuilt = (name) => ({ async [name](algorithm) { throw fail(`crypto.subtle.${name} is not offered (${nameOf(algorithm)})`, 'NotSupportedError'); } })[name];

export class SubtleCrypto {
  async digest(algorithm, data) {
    const name = hashOf(algorithm, 'digest');
    return whole(kernel.native('hash', hashes[name], bytesOf(data, 'digest')));
  }

  async importKey(format, data, algorithm, extractable, usages) {
    hmacOnly(algorithm, 'importKey');
    const hash = hashOf(algorithm.hash, 'importKey');
    if (format === 'raw') return hmacKey(bytesOf(data, 'importKey').slice(), hash, extractable, usages);
    if (format !== 'jwk') throw fail(`importKey: the format ${format} is not offered for HMAC`, 'NotSupportedError');
    if (data?.kty !== 'oct' || typeof data.k !== 'string') throw fail('importKey: the JWK is no symmetric key', 'DataError');
    return hmacKey(Uint8Array.fromBase64(data.k, { alphabet: 'base64url' }), hash, extractable, usages);
  }

  async exportKey(format, key) {
    const raw = rawOf(key);
    if (!key.extractable) throw fail('the key is not extractable', 'InvalidAccessError');
    if (format === 'raw') return raw.slice().buffer;
    if (format !== 'jwk') throw fail(`exportKey: the format ${format} is not offered`, 'NotSupportedError');
    return { kty: 'oct', k: raw.toBase64(base64url), alg: `HS${key.algorithm.hash.name.slice(4)}`, key_ops: [...key.usages], ext: true };
  }

  async generateKey(algorithm, extractable, usages) {
    hmacOnly(algorithm, 'generateKey');
    const hash = hashOf(algorithm.hash, 'generateKey');
    return hmacKey(kernel.random(algorithm.length === undefined ? blocks[hash] : Math.ceil(algorithm.length / 8)), hash, extractable, usages);
  }

  async sign(algorithm, key, data) {
    const raw = usable(key, 'sign', algorithm);
    return whole(kernel.native('hmac', hashes[key.algorithm.hash.name], raw, bytesOf(data, 'sign')));
  }

  async verify(algorithm, key, signature, data) {
    const raw = usable(key, 'verify', algorithm);
    const want = kernel.native('hmac', hashes[key.algorithm.hash.name], raw, bytesOf(data, 'verify'));
    return equal(want, bytesOf(signature, 'verify'));
  }
}
for (const name of ['encrypt', 'decrypt', 'deriveBits', 'deriveKey', 'wrapKey', 'unwrapKey']) SubtleCrypto.prototype[name] = unbuilt(name);

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
  get subtle() { return subtle; }
  getRandomValues(array) {
    if (!ArrayBuffer.isView(array) || !integers.has(array[Symbol.toStringTag])) throw fail('getRandomValues: an array of integers is needed', 'TypeMismatchError');
    if (array.byteLength > 65536) throw fail(`getRandomValues: ${array.byteLength} bytes were asked for, 65536 are the most`, 'QuotaExceededError');
    bytesOf(array).set(kernel.random(array.byteLength));
    return array;
  }
  randomUUID() { return randomUUID(); }
}
const subtle = new SubtleCrypto();
export const crypto = new Crypto();
