// What node:crypto takes for bytes, and in which form it gives them.
import { Buffer } from './buffer.js';

export const coded = (err, code) => Object.assign(err, { code });
export const wrongType = (name, what) => coded(new TypeError(`The "${name}" argument must be ${what}`), 'ERR_INVALID_ARG_TYPE');

/** @returns {Uint8Array} a view of the value, or its bytes if it is a string */
export function bytes(data, encoding, name = 'data') {
  if (typeof data === 'string') return Buffer.from(data, encoding === 'buffer' ? 'utf8' : encoding);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return new Uint8Array(data);
  throw wrongType(name, 'a string, a buffer or a view of one');
}

export const buffer = (made) => Buffer.from(made.buffer, made.byteOffset, made.byteLength);
export const output = (made, encoding) => (encoding && encoding !== 'buffer' ? buffer(made).toString(encoding) : buffer(made));

const digests = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-224', 'sha512-256', 'sha3-224', 'sha3-256', 'sha3-384', 'sha3-512'];
const known = new Map(digests.map((d) => [d.replaceAll('-', ''), d]));

/** A hash's name as the host knows it. @throws {Error} if there is no such hash */
export function digestName(name) {
  if (typeof name !== 'string') throw wrongType('algorithm', 'of type string');
  const plain = name.toLowerCase().replace(/^rsa-/, '').replace(/^(ecdsa-with-|id-rsassa-pkcs1-v1_5-with-)/, '').replace(/[-/]/g, '');
  if (!known.has(plain)) throw coded(new Error(`Invalid digest: ${name}`), 'ERR_CRYPTO_INVALID_DIGEST');
  return plain;
}
export const getHashes = () => [...digests.slice(0, 6).map((d) => `RSA-${d.toUpperCase()}`), ...digests];

/** Calls done with what fn gives or throws, later. */
export function later(fn, done) {
  if (typeof done !== 'function') throw wrongType('callback', 'of type function');
  let value;
  let failure = null;
  try {
    value = fn();
  } catch (err) {
    failure = err;
  }
  queueMicrotask(() => (failure ? done(failure) : done(null, value)));
}
