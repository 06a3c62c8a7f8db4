// node:crypto over the host's natives: hashes, HMAC, random values, and the signatures
// that can be checked. What is missing throws NOT_OFFERED when it is called.
import { kernel } from '@annex/runtime/kernel';
import { NotOfferedError, notOfferedClass, notOfferedNow } from '../faults.js';
import { concat } from '../web/bytes.js';
import { crypto as webcrypto, randomUUID, equal } from '../web/crypto.js';
import { Buffer } from './buffer.js';
import { Transform } from './stream.js';

const digests = { md5: 64, sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 };

function algorithm(name, what) {
  const plain = String(name).toLowerCase().replace(/^rsa-/, '').replace('-', '');
  if (!Object.hasOwn(digests, plain)) throw new NotOfferedError(`crypto.${what}(${JSON.stringify(name)})`);
  return plain;
}

function bytes(data, encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding);
  if (data instanceof KeyObject) return secretOf(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw Object.assign(new TypeError('The "data" argument must be a string, a buffer or a view of one'), { code: 'ERR_INVALID_ARG_TYPE' });
}

const buffer = (made) => Buffer.from(made.buffer, made.byteOffset, made.byteLength);
const output = (made, encoding) => (encoding && encoding !== 'buffer' ? buffer(made).toString(encoding) : buffer(made));

// A Digest gathers what is written and computes at the end: the host hashes whole values.
class Digest extends Transform {
  #parts = [];
  #done = false;
  #finish;

  constructor(finish, options) {
    super(options);
    this.#finish = finish;
  }
  update(data, encoding) {
    if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this.#parts.push(bytes(data, encoding).slice());
    return this;
  }
  digest(encoding) {
    if (this.#done) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this.#done = true;
    return output(this.#finish(concat([new Uint8Array(0), ...this.#parts])), encoding);
  }
  copyTo(other) {
    other.#parts = [...this.#parts];
    return other;
  }
  _transform(chunk, encoding, done) {
    this.update(chunk, encoding);
    done();
  }
  _flush(done) {
    this.push(this.digest());
    done();
  }
}

export class Hash extends Digest {
  #name;
  constructor(name, options) {
    const alg = algorithm(name, 'createHash');
    super((data) => kernel.native('hash', alg, data), options);
    this.#name = name;
  }
  copy() { return this.copyTo(new Hash(this.#name)); }
}

export class Hmac extends Digest {
  constructor(name, key, options) {
    const alg = algorithm(name, 'createHmac');
    const secret = bytes(key).slice();
    super((data) => kernel.native('hmac', alg, secret, data), options);
  }
}

/** A running hash: md5, sha1, sha224, sha256, sha384, sha512. */
export const createHash = (name, options) => new Hash(name, options);
/** A running HMAC over one of the same hashes. */
export const createHmac = (name, key, options) => new Hmac(name, key, options);
/** The hash of one value. */
export const hash = (name, data, encoding = 'hex') => new Hash(name).update(data).digest(encoding);
export const getHashes = () => Object.keys(digests);
export const getCiphers = () => [];
export const getCurves = () => [];

/** Random bytes; more than 65536 at once are gathered. */
export function randomBytes(size, done) {
  const made = Buffer.alloc(size);
  randomFillSync(made);
  if (done === undefined) return made;
  queueMicrotask(() => done(null, made));
  return undefined;
}
export function randomFillSync(target, offset = 0, size = undefined) {
  const view = bytes(target).subarray(offset, size === undefined ? undefined : offset + size);
  for (let at = 0; at < view.length; at += 65536) view.set(kernel.random(Math.min(65536, view.length - at)), at);
  return target;
}
export function randomFill(target, ...rest) {
  const done = rest.pop();
  randomFillSync(target, ...rest);
  queueMicrotask(() => done(null, target));
}
/** An integer in [min, max), evenly spread. */
export function randomInt(min, max, done) {
  if (typeof max === 'function' || max === undefined) [min, max, done] = [0, min, max];
  const range = max - min;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > 2 ** 48 - 1) {
    throw Object.assign(new RangeError(`randomInt needs safe integers with 0 < max - min < 2^48, not ${min} and ${max}`), { code: 'ERR_OUT_OF_RANGE' });
  }
  const limit = 2 ** 48 - (2 ** 48 % range);
  let n;
  do {
    n = kernel.random(6).reduce((sum, b) => sum * 256 + b, 0);
  } while (n >= limit);
  const made = min + (n % range);
  if (done === undefined) return made;
  queueMicrotask(() => done(null, made));
  return undefined;
}
/** Compares in a time that does not depend on the contents. @throws {RangeError} if the lengths differ */
export function timingSafeEqual(a, b) {
  a = bytes(a);
  b = bytes(b);
  if (a.length !== b.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
  return equal(a, b);
}

/** PBKDF2 over HMAC, at most 100,000 rounds. */
export function pbkdf2Sync(password, salt, iterations, length, name) {
  if (iterations > 100_000) throw new RangeError(`pbkdf2: ${iterations} rounds were asked for, 100000 are the most here`);
  const alg = algorithm(name, 'pbkdf2');
  const key = bytes(password);
  const out = [];
  for (let block = 1, made = 0; made < length; block++) {
    let u = kernel.native('hmac', alg, key, concat([bytes(salt), new Uint8Array([block >>> 24, block >>> 16, block >>> 8, block])]));
    const t = u.slice();
    for (let i = 1; i < iterations; i++) {
      u = kernel.native('hmac', alg, key, u);
      for (let j = 0; j < t.length; j++) t[j] ^= u[j];
    }
    out.push(t);
    made += t.length;
  }
  return buffer(concat([new Uint8Array(0), ...out]).slice(0, length));
}
export function pbkdf2(password, salt, iterations, length, name, done) {
  const made = pbkdf2Sync(password, salt, iterations, length, name);
  queueMicrotask(() => done(null, made));
}
export function hkdfSync(name, key, salt, info, length) {
  const alg = algorithm(name, 'hkdf');
  const prk = kernel.native('hmac', alg, bytes(salt), bytes(key));
  if (length > 255 * prk.length) throw Object.assign(new RangeError('Invalid key length'), { code: 'ERR_CRYPTO_INVALID_KEYLEN' });
  const out = [];
  let t = new Uint8Array(0);
  for (let i = 1, made = 0; made < length; i++, made += t.length) {
    t = kernel.native('hmac', alg, prk, concat([t, bytes(info), new Uint8Array([i])]));
    out.push(t);
  }
  return concat([new Uint8Array(0), ...out]).slice(0, length).buffer;
}

/** A key held for later use. Secret keys and the text of public ones only. */
export class KeyObject {
  #material;
  constructor(type, material) {
    this.type = type;
    this.#material = material;
  }
  export(options = {}) {
    if (this.type === 'secret') return options.format === 'jwk' ? { kty: 'oct', k: buffer(this.#material).toString('base64url') } : buffer(this.#material.slice());
    if (options.format === 'pem' && typeof this.#material === 'string' && this.#material.startsWith('-----')) return this.#material;
    throw new NotOfferedError('KeyObject.export of this format');
  }
  get asymmetricKeyType() { return this.type === 'secret' ? undefined : kindOf(this.#material); }
  get asymmetricKeyDetails() { return this.type === 'secret' ? undefined : {}; }
  get symmetricKeySize() { return this.type === 'secret' ? this.#material.length : undefined; }
  equals(other) { return other instanceof KeyObject && other.type === this.type && String(other.#material) === String(this.#material); }
  static material(key) { return key.#material; }
}
const materialOf = KeyObject.material;
delete KeyObject.material;

function secretOf(key) {
  if (key.type !== 'secret') throw Object.assign(new TypeError('a secret key is needed'), { code: 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE' });
  return materialOf(key);
}
export const createSecretKey = (key, encoding) => new KeyObject('secret', bytes(key, encoding).slice());
/** A public key from PEM (SPKI) or a JWK. @throws {Error} if the text is no public key */
export const createPublicKey = (key) => new KeyObject('public', publicText(key));

// Object identifiers as they stand in a key's DER form.
const kinds = [['2a864886f70d010101', 'rsa'], ['2a864886f70d01010a', 'rsa-pss'], ['2a8648ce3d0201', 'ec'], ['2b6570', 'ed25519'], ['2b656e', 'x25519']];
const jwkKinds = { RSA: 'rsa', EC: 'ec', OKP: 'ed25519' };

function kindOf(text) {
  if (!text.startsWith('-----')) return jwkKinds[JSON.parse(text).kty];
  const der = Buffer.from(text.replace(/-----[^-]*-----|\s/g, ''), 'base64').toString('hex');
  return kinds.find(([oid]) => der.includes(oid))?.[1] ?? 'rsa';
}

// publicText is the form in which the host takes a public key: PEM, or a JWK as JSON.
function publicText(key) {
  if (key instanceof KeyObject) return materialOf(key);
  if (ArrayBuffer.isView(key)) key = Buffer.from(key).toString();
  if (typeof key === 'string') {
    if (/^\s*-----BEGIN ((RSA )?PUBLIC KEY|CERTIFICATE)-----/.test(key)) return key.trim();
    throw Object.assign(new Error('error:1E08010C:DECODER routines::unsupported'), { code: 'ERR_OSSL_UNSUPPORTED' });
  }
  if (key?.format === 'jwk') return JSON.stringify(key.key);
  if (key?.key !== undefined && key.format !== 'der') return publicText(key.key);
  throw new NotOfferedError('crypto: a public key in this format');
}

export const constants = Object.freeze({ RSA_PKCS1_PADDING: 1, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2 });

// checkSignature asks the host. The algorithm is JSON: {hash, padding, encoding}.
function checkSignature(name, key, data, signature) {
  const alg = JSON.stringify({
    hash: name === null || name === undefined ? null : algorithm(name, 'verify'),
    pss: key?.padding === constants.RSA_PKCS1_PSS_PADDING,
    saltLength: key?.saltLength,
    p1363: key?.dsaEncoding === 'ieee-p1363',
  });
  return kernel.native('verify', alg, publicText(key), data, signature);
}

export class Verify extends Digest {
  #check;
  constructor(name, options) {
    let gathered;
    super((data) => (gathered = data), options);
    this.#check = (key, signature) => {
      this.digest();
      return checkSignature(name, key, gathered, signature);
    };
  }
  verify(key, signature, encoding) { return this.#check(key, bytes(signature, encoding)); }
}
/** Checks a signature over what was written: RSA (PKCS #1, PSS) and ECDSA. */
export const createVerify = (name, options) => new Verify(name, options);
/** Checks a signature over one value; the name is null for Ed25519. */
export const verify = (name, data, key, signature) => checkSignature(name, key, bytes(data), bytes(signature));

const unbuilt = (name) => notOfferedNow(`crypto.${name}`);
export const createSign = unbuilt('createSign');
export const sign = unbuilt('sign');
export const createPrivateKey = unbuilt('createPrivateKey');
export const generateKeyPair = unbuilt('generateKeyPair');
export const generateKeyPairSync = unbuilt('generateKeyPairSync');
export const generateKey = unbuilt('generateKey');
export const generateKeySync = unbuilt('generateKeySync');
export const createCipheriv = unbuilt('createCipheriv');
export const createDecipheriv = unbuilt('createDecipheriv');
export const publicEncrypt = unbuilt('publicEncrypt');
export const publicDecrypt = unbuilt('publicDecrypt');
export const privateEncrypt = unbuilt('privateEncrypt');
export const privateDecrypt = unbuilt('privateDecrypt');
export const createDiffieHellman = unbuilt('createDiffieHellman');
export const createECDH = unbuilt('createECDH');
export const diffieHellman = unbuilt('diffieHellman');
export const scrypt = unbuilt('scrypt');
export const scryptSync = unbuilt('scryptSync');
export const X509Certificate = notOfferedClass('X509Certificate');

export const { subtle } = webcrypto;
export const getRandomValues = (array) => webcrypto.getRandomValues(array);
export const pseudoRandomBytes = randomBytes;
export { webcrypto, randomUUID };

export default {
  Hash, Hmac, KeyObject, Verify, X509Certificate, constants, createCipheriv, createDecipheriv, createDiffieHellman, createECDH, createHash, createHmac,
  createPrivateKey, createPublicKey, createSecretKey, createSign, createVerify, diffieHellman, generateKey, generateKeyPair, generateKeyPairSync,
  generateKeySync, getCiphers, getCurves, getHashes, getRandomValues, hash, hkdfSync, pbkdf2, pbkdf2Sync, privateDecrypt, privateEncrypt,
  pseudoRandomBytes, publicDecrypt, publicEncrypt, randomBytes, randomFill, randomFillSync, randomInt, randomUUID, scrypt, scryptSync, sign, subtle,
  timingSafeEqual, verify, webcrypto,
};
