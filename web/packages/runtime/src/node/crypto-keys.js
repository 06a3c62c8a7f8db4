// KeyObject and the keys of node:crypto.
import { kernel } from '@annex/runtime/kernel';
import { NotOfferedError } from '../faults.js';
import { newKey, publicHalf, readJWK, readKey, run, writeJWK, writeKey } from './crypto-host.js';
import { insideOf } from '../web/subtle.js';
import { Buffer } from './buffer.js';
import { buffer, bytes, coded, later, wrongType } from './crypto-bytes.js';

const curveNames = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' };
const curvesByName = new Map(Object.entries(curveNames).flatMap(([std, node]) => [[std, std], [node, std], [node.replace('prime256v1', 'secp256r1'), std]]));
export const getCurves = () => Object.values(curveNames);
/** A curve by Node.js's name or the standard's. */
export function curveOf(name) {
  const curve = curvesByName.get(name);
  if (curve === undefined) throw coded(new Error(`Invalid EC curve name: ${name}`), 'ERR_CRYPTO_INVALID_CURVE');
  return curve;
}

/** A key held for later use: raw bytes of a secret, or a Key of keys.js. */
export class KeyObject {
  #inner;
  #type;
  constructor(type, inner) {
    if (!['secret', 'public', 'private'].includes(type)) throw coded(new TypeError(`The argument 'type' is invalid. Received ${type}`), 'ERR_INVALID_ARG_VALUE');
    this.#type = type;
    this.#inner = inner;
  }
  static from(key) {
    const { fields, inner } = insideOf(key);
    return new KeyObject(fields.type, inner);
  }
  get type() { return this.#type; }
  get asymmetricKeyType() { return this.#type === 'secret' ? undefined : this.#inner.kind; }
  get asymmetricKeyDetails() {
    const { kind, bits, exponent, curve } = this.#inner;
    if (this.#type === 'secret') return undefined;
    if (kind === 'rsa') return { modulusLength: bits, publicExponent: BigInt(exponent) };
    return kind === 'ec' ? { namedCurve: curveNames[curve] } : {};
  }
  get symmetricKeySize() { return this.#type === 'secret' ? this.#inner.length : undefined; }
  equals(other) {
    if (!(other instanceof KeyObject)) throw wrongType('otherKeyObject', 'an instance of KeyObject');
    if (other.#type !== this.#type) return false;
    const [a, b] = [this, other].map((k) => (k.#type === 'secret' ? k.#inner : k.#inner.der));
    return a.length === b.length && kernel.native('equal', a, b);
  }
  export(options = {}) {
    if (this.#type === 'secret') {
      return options.format === 'jwk' ? { kty: 'oct', k: buffer(this.#inner).toString('base64url') } : buffer(this.#inner.slice());
    }
    return encoded(this.#inner, options);
  }
  get [Symbol.toStringTag]() { return 'KeyObject'; }
  static inner(key) { return key.#inner; }
}
const innerOf = KeyObject.inner;
delete KeyObject.inner;

// encoded writes a key as `export` and `publicKeyEncoding` ask for it.
function encoded(key, options) {
  if (options.format === 'jwk') return writeJWK(key);
  if (options.cipher || options.passphrase) throw new NotOfferedError('crypto: a private key under a passphrase');
  const type = options.type ?? (key.type === 'public' ? 'spki' : undefined);
  if (type === undefined) throw coded(new TypeError("The property 'options.type' is invalid"), 'ERR_INVALID_ARG_VALUE');
  if (options.format !== 'pem' && options.format !== 'der') throw coded(new TypeError("The property 'options.format' is invalid"), 'ERR_INVALID_ARG_VALUE');
  const out = buffer(writeKey(key, options.format, type));
  return options.format === 'pem' ? out.toString() : out;
}

/** The bytes of a secret key in any of its forms. */
export function secretBytes(key, encoding) {
  if (key instanceof KeyObject) {
    if (key.type !== 'secret') throw coded(new TypeError(`Invalid key object type ${key.type}, expected secret.`), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
    return innerOf(key);
  }
  if (Object.prototype.toString.call(key) === '[object CryptoKey]') return insideOf(key).inner;
  return bytes(key, encoding, 'key').slice();
}

/** The asymmetric key that an argument names: an object, PEM, DER or a JWK. */
export function keyOf(key, want) {
  if (key instanceof KeyObject) {
    if (key.type === 'secret' || (want === 'private' && key.type === 'public')) {
      throw coded(new TypeError(`Invalid key object type ${key.type}, expected ${want ?? 'private or public'}.`), 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE');
    }
    return want === 'public' ? publicHalf(innerOf(key)) : innerOf(key);
  }
  if (typeof key === 'string' || ArrayBuffer.isView(key) || key instanceof ArrayBuffer) return read({ form: 'pem', want }, bytes(key));
  if (typeof key !== 'object' || key === null) throw wrongType('key', 'a string, a buffer or a KeyObject');
  if (Object.prototype.toString.call(key) === '[object CryptoKey]') return keyOf(KeyObject.from(key), want);
  if (key.passphrase) throw new NotOfferedError('crypto: a private key under a passphrase');
  if (key.key instanceof KeyObject || Object.prototype.toString.call(key.key) === '[object CryptoKey]') return keyOf(key.key, want);
  if (key.format === 'jwk') return unsupported(() => readJWK(key.key, want));
  if (key.key === undefined) throw wrongType('key.key', 'a string, a buffer or a KeyObject');
  if (key.format !== 'der') return read({ form: 'pem', want }, bytes(key.key, key.encoding));
  return read({ form: 'der', type: key.type ?? (want === 'private' ? 'pkcs8' : 'spki'), want }, bytes(key.key, key.encoding));
}

const read = (spec, data) => unsupported(() => readKey(spec, data));

function unsupported(fn) {
  try {
    return fn();
  } catch (err) {
    if (err.code !== 'ERR_OSSL_UNSUPPORTED') throw err;
    throw coded(new Error(`error:1E08010C:DECODER routines::unsupported (${err.message})`), err.code);
  }
}

export const createSecretKey = (key, encoding) => new KeyObject('secret', bytes(key, encoding, 'key').slice());
/** A public key from PEM, DER, a JWK, a certificate or a private key. @throws {Error} if it is none */
export const createPublicKey = (key) => new KeyObject('public', keyOf(key, 'public'));
/** A private key from PEM (PKCS #1, PKCS #8, SEC 1), DER or a JWK. @throws {Error} if it is none */
export const createPrivateKey = (key) => new KeyObject('private', keyOf(key, 'private'));

function spec(type, options) {
  switch (type) {
    case 'rsa': return { kind: 'rsa', bits: options.modulusLength, exponent: options.publicExponent ?? 65537 };
    case 'ec': return { kind: 'ec', curve: curveOf(options.namedCurve) };
    case 'ed25519': case 'x25519': return { kind: type };
  }
  throw new NotOfferedError(`crypto.generateKeyPair(${JSON.stringify(type)})`);
}

/** A new key pair: rsa up to 4096 bits, ec over P-256, P-384 and P-521, ed25519, x25519. */
export function generateKeyPairSync(type, options = {}) {
  const key = newKey(spec(type, options));
  const half = (k, encoding) => (encoding ? encoded(k, encoding) : new KeyObject(k.type, k));
  return { publicKey: half(publicHalf(key), options.publicKeyEncoding), privateKey: half(key, options.privateKeyEncoding) };
}
export function generateKeyPair(type, options, done) {
  if (typeof options === 'function') [options, done] = [{}, options];
  later(() => generateKeyPairSync(type, options), (err, pair) => (err ? done(err) : done(null, pair.publicKey, pair.privateKey)));
}
generateKeyPair[Symbol.for('nodejs.util.promisify.custom')] = async (type, options) => generateKeyPairSync(type, options);

/** A new secret key of a length in bits. */
export function generateKeySync(type, { length }) {
  if (type !== 'hmac' && type !== 'aes') throw new NotOfferedError(`crypto.generateKey(${JSON.stringify(type)})`);
  if (type === 'aes' ? ![128, 192, 256].includes(length) : !(length >= 8 && length <= 8 * 65536)) throw coded(new RangeError(`The property 'options.length' is invalid. Received ${length}`), 'ERR_INVALID_ARG_VALUE');
  return new KeyObject('secret', kernel.random(Math.floor(length / 8)));
}
export const generateKey = (type, options, done) => later(() => generateKeySync(type, options), done);

/** The secret that two keys share. */
export function diffieHellman({ privateKey, publicKey }) {
  return buffer(run({ op: 'agree' }, keyOf(privateKey, 'private').der, keyOf(publicKey, 'public').der));
}

/** A key agreement whose public keys are points. */
export class ECDH {
  #curve;
  #key;
  constructor(curve) { this.#curve = curveOf(curve); }
  generateKeys(encoding, form) {
    this.#key = newKey({ kind: 'ec', curve: this.#curve });
    return this.getPublicKey(encoding, form);
  }
  #mine() {
    if (!this.#key) throw coded(new Error('Failed to get ECDH private key'), 'ERR_CRYPTO_ECDH_INVALID_PRIVATE_KEY');
    return this.#key;
  }
  getPublicKey(encoding, form = 'uncompressed') {
    const point = buffer(writeKey(publicHalf(this.#mine()), 'raw'));
    const half = point.length >> 1;
    const out = form === 'compressed' ? Buffer.concat([Buffer.from([2 + (point[point.length - 1] & 1)]), point.subarray(1, 1 + half)]) : point;
    return encoding && encoding !== 'buffer' ? out.toString(encoding) : out;
  }
  getPrivateKey(encoding) {
    const out = Buffer.from(writeJWK(this.#mine()).d, 'base64url');
    return encoding && encoding !== 'buffer' ? out.toString(encoding) : out;
  }
  setPrivateKey(key, encoding) {
    this.#key = readKey({ form: 'scalar', curve: this.#curve, want: 'private' }, bytes(key, encoding));
    return this;
  }
  computeSecret(other, encoding, out) {
    const theirs = readKey({ form: 'raw', curve: this.#curve }, bytes(other, encoding));
    const secret = buffer(run({ op: 'agree' }, this.#mine().der, theirs.der));
    return out && out !== 'buffer' ? secret.toString(out) : secret;
  }
}
export const createECDH = (curve) => new ECDH(curve);
