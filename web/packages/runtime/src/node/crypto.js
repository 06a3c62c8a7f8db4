// node:crypto over the host's natives. What is missing throws NOT_OFFERED when it is called.
import { kernel } from '@annex/runtime/kernel';
import { notOfferedClass, notOfferedNow } from '../faults.js';
import { crypto as webcrypto, randomUUID, equal } from '../web/crypto.js';
import { run } from './crypto-host.js';
import { Buffer } from './buffer.js';
import { buffer, bytes, coded, digestName, getHashes, later } from './crypto-bytes.js';
import { Cipheriv, Decipheriv, createCipheriv, createDecipheriv, getCipherInfo, getCiphers } from './crypto-cipher.js';
import { Hash, Hmac, createHash, createHmac, hash } from './crypto-hash.js';
import {
  ECDH, KeyObject, createECDH, createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync,
  generateKeySync, getCurves, secretBytes,
} from './crypto-keys.js';
import { Sign, Verify, constants, createSign, createVerify, privateDecrypt, publicEncrypt, sign, verify } from './crypto-sign.js';

export {
  Cipheriv, Decipheriv, ECDH, Hash, Hmac, KeyObject, Sign, Verify, constants, createCipheriv, createDecipheriv, createECDH, createHash, createHmac,
  createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync,
  generateKeySync, getCipherInfo, getCiphers, getCurves, getHashes, hash, privateDecrypt, publicEncrypt, randomUUID, sign, verify, webcrypto,
};

/** Random bytes; more than 65536 at once are gathered. */
export function randomBytes(size, done) {
  if (!Number.isInteger(size) || size < 0) throw coded(new RangeError(`The value of "size" is out of range. Received ${size}`), 'ERR_OUT_OF_RANGE');
  const make = () => {
    const made = Buffer.alloc(size);
    randomFillSync(made);
    return made;
  };
  return done === undefined ? make() : later(make, done);
}
export function randomFillSync(target, offset = 0, size = undefined) {
  const view = bytes(target).subarray(offset, size === undefined ? undefined : offset + size);
  for (let at = 0; at < view.length; at += 65536) view.set(kernel.random(Math.min(65536, view.length - at)), at);
  return target;
}
export function randomFill(target, ...rest) {
  const done = rest.pop();
  later(() => randomFillSync(target, ...rest), done);
}
/** An integer in [min, max), evenly spread. */
export function randomInt(min, max, done) {
  if (typeof max === 'function' || max === undefined) [min, max, done] = [0, min, max];
  const range = max - min;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > 2 ** 48 - 1) {
    throw coded(new RangeError(`randomInt needs safe integers with 0 < max - min < 2^48, not ${min} and ${max}`), 'ERR_OUT_OF_RANGE');
  }
  const limit = 2 ** 48 - (2 ** 48 % range);
  const make = () => {
    let n;
    do {
      n = kernel.random(6).reduce((sum, b) => sum * 256 + b, 0);
    } while (n >= limit);
    return min + (n % range);
  };
  return done === undefined ? make() : later(make, done);
}
/** Compares in a time that does not depend on the contents. @throws {RangeError} if the lengths differ */
export function timingSafeEqual(a, b) {
  for (const [name, value] of [['buf1', a], ['buf2', b]]) {
    if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) throw coded(new TypeError(`The "${name}" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`), 'ERR_INVALID_ARG_TYPE');
  }
  a = bytes(a);
  b = bytes(b);
  if (a.length !== b.length) throw coded(new RangeError('Input buffers must have the same byte length'), 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH');
  return equal(a, b);
}

export const pbkdf2Sync = (password, salt, iterations, length, name) => buffer(run({ op: 'pbkdf2', hash: digestName(name), iterations, length }, bytes(password), bytes(salt)));
export function pbkdf2(password, salt, iterations, length, name, done) {
  later(() => pbkdf2Sync(password, salt, iterations, length, name), done);
}
export function hkdfSync(name, key, salt, info, length) {
  const made = run({ op: 'hkdf', hash: digestName(name), length }, secretBytes(key), bytes(salt), bytes(info));
  return made.buffer.slice(made.byteOffset, made.byteOffset + made.byteLength);
}
export const hkdf = (name, key, salt, info, length, done) => later(() => hkdfSync(name, key, salt, info, length), done);
export function scryptSync(password, salt, length, options = {}) {
  const n = options.N ?? options.cost ?? 16384;
  const r = options.r ?? options.blockSize ?? 8;
  const p = options.p ?? options.parallelization ?? 1;
  if (128 * n * r > (options.maxmem ?? 32 * 1024 * 1024)) throw coded(new RangeError('Invalid scrypt params: memory limit exceeded'), 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS');
  return buffer(run({ op: 'scrypt', n, r, p, length }, bytes(password), bytes(salt)));
}
export function scrypt(password, salt, length, options, done) {
  if (typeof options === 'function') [options, done] = [{}, options];
  later(() => scryptSync(password, salt, length, options), done);
}

const unbuilt = (name) => notOfferedNow(`crypto.${name}`);
export const publicDecrypt = unbuilt('publicDecrypt');
export const privateEncrypt = unbuilt('privateEncrypt');
export const createDiffieHellman = unbuilt('createDiffieHellman');
export const X509Certificate = notOfferedClass('X509Certificate');

export const { subtle } = webcrypto;
export const getRandomValues = (array) => webcrypto.getRandomValues(array);
export const pseudoRandomBytes = randomBytes;

export default {
  Cipheriv, Decipheriv, ECDH, Hash, Hmac, KeyObject, Sign, Verify, X509Certificate, constants, createCipheriv, createDecipheriv, createDiffieHellman,
  createECDH, createHash, createHmac, createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify, diffieHellman, generateKey,
  generateKeyPair, generateKeyPairSync, generateKeySync, getCipherInfo, getCiphers, getCurves, getHashes, getRandomValues, hash, hkdf, hkdfSync, pbkdf2,
  pbkdf2Sync, privateDecrypt, privateEncrypt, pseudoRandomBytes, publicDecrypt, publicEncrypt, randomBytes, randomFill, randomFillSync, randomInt,
  randomUUID, scrypt, scryptSync, sign, subtle, timingSafeEqual, verify, webcrypto,
};
