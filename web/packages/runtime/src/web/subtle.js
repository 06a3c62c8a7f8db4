// crypto.subtle: what the standard says about algorithms, keys and usages. The algorithms
// themselves are the host's.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf, text, utf8 } from './bytes.js';
import { newKey, publicHalf, readJWK, readKey, run, writeJWK, writeKey } from './keys.js';

const fail = (message, name) => new DOMException(message, name);
const hostNames = new Set(['DataError', 'OperationError', 'NotSupportedError', 'InvalidAccessError']);

// asked runs an operation of the host's, whose errors become those of the standard.
function asked(fn) {
  try {
    return fn();
  } catch (err) {
    if (hostNames.has(err?.name)) throw fail(err.message, err.name);
    throw err;
  }
}

const hashes = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };
const blocks = { 'SHA-1': 512, 'SHA-256': 512, 'SHA-384': 1024, 'SHA-512': 1024 };
const allUsages = ['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'];
const formats = ['raw', 'spki', 'pkcs8', 'jwk'];

// families say, of each algorithm, what its keys may be used for.
const signing = { public: ['verify'], private: ['sign'] };
const agreeing = { public: [], private: ['deriveKey', 'deriveBits'] };
const ciphering = { secret: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'] };
const deriving = { secret: ['deriveKey', 'deriveBits'] };
const algorithms = {
  'RSASSA-PKCS1-v1_5': { family: 'rsa', usages: signing, jwk: { 'SHA-1': 'RS1', 'SHA-256': 'RS256', 'SHA-384': 'RS384', 'SHA-512': 'RS512' } },
  'RSA-PSS': { family: 'rsa', usages: signing, jwk: { 'SHA-1': 'PS1', 'SHA-256': 'PS256', 'SHA-384': 'PS384', 'SHA-512': 'PS512' } },
  'RSA-OAEP': { family: 'rsa', usages: { public: ['encrypt', 'wrapKey'], private: ['decrypt', 'unwrapKey'] }, jwk: { 'SHA-1': 'RSA-OAEP', 'SHA-256': 'RSA-OAEP-256', 'SHA-384': 'RSA-OAEP-384', 'SHA-512': 'RSA-OAEP-512' } },
  ECDSA: { family: 'ec', usages: signing },
  ECDH: { family: 'ec', usages: agreeing },
  Ed25519: { family: 'okp', kind: 'ed25519', usages: signing },
  X25519: { family: 'okp', kind: 'x25519', usages: agreeing },
  HMAC: { family: 'hmac', usages: { secret: ['sign', 'verify'] } },
  'AES-CBC': { family: 'aes', usages: ciphering, jwk: 'CBC' },
  'AES-CTR': { family: 'aes', usages: ciphering, jwk: 'CTR' },
  'AES-GCM': { family: 'aes', usages: ciphering, jwk: 'GCM' },
  'AES-KW': { family: 'aes', usages: { secret: ['wrapKey', 'unwrapKey'] }, jwk: 'KW' },
  HKDF: { family: 'kdf', usages: deriving },
  PBKDF2: { family: 'kdf', usages: deriving },
};
const doing = {
  digest: Object.keys(hashes),
  sign: ['HMAC', 'RSASSA-PKCS1-v1_5', 'RSA-PSS', 'ECDSA', 'Ed25519'],
  encrypt: ['RSA-OAEP', 'AES-CBC', 'AES-CTR', 'AES-GCM'],
  deriveBits: ['ECDH', 'X25519', 'HKDF', 'PBKDF2'],
  generateKey: Object.keys(algorithms).filter((n) => algorithms[n].family !== 'kdf'),
  importKey: Object.keys(algorithms),
  wrapKey: ['AES-KW'],
  keyLength: ['AES-CBC', 'AES-CTR', 'AES-GCM', 'AES-KW', 'HMAC', 'HKDF', 'PBKDF2'],
};
doing.verify = doing.sign;
doing.decrypt = doing.encrypt;

// normalize gives an algorithm's members, and its name as the standard writes it.
function normalize(algorithm, op) {
  if (typeof algorithm !== 'object' || algorithm === null) algorithm = { name: algorithm };
  const { name } = algorithm;
  if (name === undefined) throw new TypeError(`${op}: the algorithm has no name`);
  const wanted = String(name).toUpperCase();
  const known = doing[op].find((n) => n.toUpperCase() === wanted);
  if (known === undefined) throw fail(`${op}: the algorithm ${String(name)} is not offered`, 'NotSupportedError');
  return Object.create(algorithm, { name: { value: known } }); // its members may be inherited
}

const hashOf = (hash) => normalize(required(hash, 'hash'), 'digest').name;

function required(value, name) {
  if (value === undefined) throw new TypeError(`the algorithm lacks ${name}`);
  return value;
}

function integer(value, name, max) {
  const n = Number(required(value, name));
  if (!Number.isFinite(n) || Math.trunc(n) < 0 || n > max) throw new TypeError(`${name} is out of range`);
  return Math.trunc(n);
}

const copyOf = (data, what) => bytesOf(required(data, what), what).slice();

/** A key that only these functions can read. */
export class CryptoKey {
  #inner;
  #fields;
  constructor(secret, inner, fields) {
    if (secret !== made) throw new TypeError('Illegal constructor');
    this.#inner = inner;
    this.#fields = fields;
  }
  get type() { return this.#fields.type; }
  get extractable() { return this.#fields.extractable; }
  get algorithm() { return this.#fields.algorithm; }
  get usages() { return this.#fields.usages; }
  get [Symbol.toStringTag]() { return 'CryptoKey'; }
  static inner(key) {
    if (typeof key !== 'object' || key === null || !(#inner in key)) throw new TypeError('a CryptoKey is needed');
    return key.#inner;
  }
  static fields(key) {
    if (typeof key !== 'object' || key === null || !(#inner in key)) throw new TypeError('a CryptoKey is needed');
    return key.#fields;
  }
}
const made = Symbol('CryptoKey');
const { inner: innerOf, fields: fieldsOf } = CryptoKey;
delete CryptoKey.inner;
delete CryptoKey.fields;

// makeKey makes a CryptoKey: inner is the raw bytes of a secret, or a Key.
function makeKey(type, inner, algorithm, extractable, usages) {
  if (type !== 'public' && usages.length === 0) throw fail('the key could not be used for anything: usages are empty', 'SyntaxError');
  return new CryptoKey(made, inner, { type, algorithm, extractable, usages });
}

function usagesOf(usages) {
  const list = [...required(usages, 'usages')].map(String);
  for (const u of list) if (!allUsages.includes(u)) throw new TypeError(`"${u}" is no usage of a key`);
  return allUsages.filter((u) => list.includes(u));
}

function allowed(usages, name, type) {
  const may = algorithms[name].usages[type] ?? [];
  for (const u of usages) if (!may.includes(u)) throw fail(`a ${type} key of ${name} cannot be used to ${u}`, 'SyntaxError');
  return usages;
}

// usable gives the key's inside if the algorithm is the key's and the key may do this.
function usable(key, algorithm, usage) {
  const fields = fieldsOf(key);
  if (fields.algorithm.name !== algorithm.name) throw fail(`the key is one of ${fields.algorithm.name}, not ${algorithm.name}`, 'InvalidAccessError');
  if (!fields.usages.includes(usage)) throw fail(`the key may not be used to ${usage}`, 'InvalidAccessError');
  return innerOf(key);
}

const whole = (bytes) => (bytes.buffer.byteLength === bytes.length ? bytes.buffer : bytes.slice().buffer);

// --- keys -----------------------------------------------------------------

function bigEndian(bytes) {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('publicExponent is no Uint8Array');
  let n = 0;
  for (const b of bytes) n = Math.min(n * 256 + b, Number.MAX_SAFE_INTEGER);
  return n;
}

function exponentOf(n) {
  const out = [];
  for (; n > 0; n = Math.floor(n / 256)) out.unshift(n % 256);
  return new Uint8Array(out);
}

const curves = ['P-256', 'P-384', 'P-521'];

function keyAlgorithm(name, key, params) {
  switch (algorithms[name].family) {
    case 'rsa': return { name, modulusLength: key.bits, publicExponent: exponentOf(key.exponent), hash: { name: params.hash } };
    case 'ec': return { name, namedCurve: key.curve };
    default: return { name };
  }
}

// keyParams checks what an algorithm says about its keys.
function keyParams(algorithm) {
  switch (algorithms[algorithm.name].family) {
    case 'rsa': case 'hmac': return { hash: hashOf(algorithm.hash) };
    case 'ec': {
      return { curve: String(required(algorithm.namedCurve, 'namedCurve')) };
    }
    default: return {};
  }
}

function knownCurve(curve) {
  if (!curves.includes(curve)) throw fail(`the curve ${curve} is not offered`, 'NotSupportedError');
  return curve;
}

function generateSecret(algorithm, params, extractable, usages) {
  const { name } = algorithm;
  const family = algorithms[name].family;
  let bits;
  if (family === 'aes') bits = integer(algorithm.length, 'length', 65535);
  else bits = algorithm.length === undefined ? blocks[params.hash] : integer(algorithm.length, 'length', 2 ** 32 - 1);
  allowed(usages, name, 'secret');
  if (family === 'aes' ? ![128, 192, 256].includes(bits) : bits === 0 || bits > 8 * 65536) throw fail(`a key of ${bits} bits is not offered`, 'OperationError');
  const raw = kernel.random(Math.ceil(bits / 8));
  if (bits % 8) raw[raw.length - 1] &= 0xff << (8 - bits % 8);
  return makeKey('secret', raw, family === 'aes' ? { name, length: bits } : { name, length: bits, hash: { name: params.hash } }, extractable, usages);
}

function generatePair(algorithm, params, extractable, usages) {
  const { name } = algorithm;
  const { family, kind, usages: may } = algorithms[name];
  for (const u of usages) if (!may.public.includes(u) && !may.private.includes(u)) throw fail(`a key of ${name} cannot be used to ${u}`, 'SyntaxError');
  const halfUsages = (type) => usages.filter((u) => may[type].includes(u));
  let spec = { kind };
  if (family === 'rsa') spec = { kind: 'rsa', bits: integer(algorithm.modulusLength, 'modulusLength', 2 ** 32 - 1), exponent: bigEndian(required(algorithm.publicExponent, 'publicExponent')) };
  if (family === 'rsa' && (spec.exponent < 3 || spec.exponent % 2 === 0)) throw fail(`the public exponent ${spec.exponent} is not offered`, 'OperationError');
  if (family === 'ec') spec = { kind: 'ec', curve: knownCurve(params.curve) };
  if (halfUsages('private').length === 0) throw fail('the private key could not be used for anything: usages are empty', 'SyntaxError');
  const key = asked(() => newKey(spec));
  const algorithmOf = keyAlgorithm(name, key, params);
  return {
    publicKey: makeKey('public', asked(() => publicHalf(key)), algorithmOf, true, halfUsages('public')),
    privateKey: makeKey('private', key, { ...algorithmOf }, extractable, halfUsages('private')),
  };
}

// checkJWK holds a JWK to the use that it is imported for.
function checkJWK(jwk, kty, alg, usages, extractable, uses) {
  const wrong = (why) => fail(`importKey: ${why}`, 'DataError');
  if (jwk.kty !== kty) throw wrong(`the JWK's kty is not ${kty}`);
  if (alg !== undefined && jwk.alg !== undefined && jwk.alg !== alg) throw wrong(`the JWK's alg is not ${alg}`);
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== uses) throw wrong(`the JWK's use is not ${uses}`);
  if (jwk.key_ops !== undefined) {
    const ops = [...jwk.key_ops];
    if (new Set(ops).size !== ops.length || usages.some((u) => !ops.includes(u))) throw wrong("the JWK's key_ops do not allow these usages");
  }
  if (jwk.ext === false && extractable) throw wrong('the JWK says that it may not be exported');
}

function fromBase64url(s) {
  try {
    return Uint8Array.fromBase64(s, { alphabet: 'base64url' });
  } catch {
    throw fail("importKey: the JWK's k is not base64url", 'DataError');
  }
}

function importSecret(format, data, algorithm, params, extractable, usages) {
  const { name } = algorithm;
  const { family } = algorithms[name];
  allowed(usages, name, 'secret');
  let raw;
  if (format === 'raw') raw = copyOf(data, 'importKey');
  else if (format === 'jwk' && family !== 'kdf') {
    if (typeof data.k !== 'string') throw fail('importKey: the JWK has no k', 'DataError');
    raw = fromBase64url(data.k);
    const alg = family === 'hmac' ? `HS${params.hash.slice(4)}` : `A${raw.length * 8}${algorithms[name].jwk}`;
    checkJWK(data, 'oct', alg, usages, extractable, family === 'hmac' ? 'sig' : 'enc');
  } else throw fail(`importKey: the format ${format} is not offered for ${name}`, 'NotSupportedError');
  if (family === 'kdf') {
    if (extractable) throw fail(`a key of ${name} cannot be extractable`, 'SyntaxError');
    return makeKey('secret', raw, { name }, false, usages);
  }
  let bits = raw.length * 8;
  if (family === 'aes') {
    if (![128, 192, 256].includes(bits)) throw fail(`importKey: an AES key of ${bits} bits`, 'DataError');
    return makeKey('secret', raw, { name, length: bits }, extractable, usages);
  }
  if (bits === 0) throw fail('importKey: the key is empty', 'DataError');
  if (algorithm.length !== undefined) {
    const asks = integer(algorithm.length, 'length', 2 ** 32 - 1);
    if (asks > bits || asks <= bits - 8) throw fail('importKey: the length is not the key\'s', 'DataError');
    bits = asks;
    if (bits % 8) raw[raw.length - 1] &= 0xff << (8 - bits % 8);
  }
  return makeKey('secret', raw, { name, length: bits, hash: { name: params.hash } }, extractable, usages);
}

const kty = { rsa: 'RSA', ec: 'EC', okp: 'OKP' };
const ecAlg = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

function importPair(format, data, algorithm, params, extractable, usages) {
  const { name } = algorithm;
  const { family, kind, jwk } = algorithms[name];
  if (family === 'ec') knownCurve(params.curve);
  const wantKind = kind ?? family;
  let key;
  switch (format) {
    case 'raw':
      if (family === 'rsa') throw fail('importKey: an RSA key has no raw form', 'NotSupportedError');
      allowed(usages, name, 'public');
      key = asked(() => readKey({ form: 'raw', kind: wantKind, curve: params.curve }, copyOf(data, 'importKey')));
      break;
    case 'spki': case 'pkcs8': {
      const type = format === 'spki' ? 'public' : 'private';
      allowed(usages, name, type);
      key = asked(() => readKey({ form: 'der', type: format, want: type }, copyOf(data, 'importKey')));
      break;
    }
    default: {
      const type = data.d === undefined ? 'public' : 'private';
      allowed(usages, name, type);
      const alg = family === 'rsa' ? jwk[params.hash] : name === 'ECDSA' ? ecAlg[data.crv] : name === 'Ed25519' && data.alg !== 'EdDSA' ? 'Ed25519' : undefined;
      checkJWK(data, kty[family], alg, usages, extractable, name === 'RSA-OAEP' || name === 'ECDH' || name === 'X25519' ? 'enc' : 'sig');
      key = asked(() => readJWK(data, type));
    }
  }
  if (key.kind !== wantKind) throw fail(`importKey: the key is no ${name} key`, 'DataError');
  if (family === 'ec' && key.curve !== params.curve) throw fail(`importKey: the key's curve is not ${params.curve}`, 'DataError');
  return makeKey(key.type, key, keyAlgorithm(name, key, params), key.type === 'public' ? Boolean(extractable) : extractable, usages);
}

function importKey(format, data, algorithm, extractable, usages) {
  const { family } = algorithms[algorithm.name];
  const params = keyParams(algorithm);
  if (format === 'jwk') {
    if (typeof data !== 'object' || data === null || ArrayBuffer.isView(data) || data instanceof ArrayBuffer) throw new TypeError('importKey: a JWK is an object');
  } else bytesOf(data, 'importKey');
  return (family === 'rsa' || family === 'ec' || family === 'okp' ? importPair : importSecret)(format, data, algorithm, params, extractable, usages);
}

function exportKey(format, key) {
  const fields = fieldsOf(key);
  const inner = innerOf(key);
  const { name } = fields.algorithm;
  if (algorithms[name].family === 'kdf') throw fail(`a key of ${name} has no form`, 'NotSupportedError');
  if (!fields.extractable) throw fail('the key is not extractable', 'InvalidAccessError');
  if (format === 'jwk') return exportJWK(fields, inner);
  if (fields.type === 'secret') {
    if (format !== 'raw') throw fail(`exportKey: the format ${format} is not offered for ${name}`, 'NotSupportedError');
    return inner.slice().buffer;
  }
  const needs = format === 'pkcs8' ? 'private' : 'public';
  if (format === 'raw' && inner.kind === 'rsa') throw fail('exportKey: an RSA key has no raw form', 'NotSupportedError');
  if (fields.type !== needs) throw fail(`exportKey: ${format} is the form of a ${needs} key`, 'InvalidAccessError');
  return whole(asked(() => (format === 'raw' ? writeKey(inner, 'raw') : writeKey(inner, 'der', format))));
}

function exportJWK(fields, inner) {
  const { name, hash, length } = fields.algorithm;
  const { family, jwk } = algorithms[name];
  const common = { key_ops: [...fields.usages], ext: fields.extractable };
  if (fields.type === 'secret') {
    const k = inner.toBase64({ alphabet: 'base64url', omitPadding: true });
    return { kty: 'oct', k, alg: family === 'hmac' ? `HS${hash.name.slice(4)}` : `A${length}${jwk}`, ...common };
  }
  const out = { ...asked(() => writeJWK(inner)), ...common };
  if (family === 'rsa') out.alg = jwk[hash.name];
  else if (name === 'Ed25519') out.alg = name;
  return out;
}

// --- operations -----------------------------------------------------------

function signature(algorithm, fields) {
  switch (algorithm.name) {
    case 'RSASSA-PKCS1-v1_5': return { hash: hashes[fields.algorithm.hash.name] };
    case 'RSA-PSS': return { hash: hashes[fields.algorithm.hash.name], pss: true, salt: integer(algorithm.saltLength, 'saltLength', 2 ** 32 - 1) };
    case 'ECDSA': return { hash: hashes[hashOf(algorithm.hash)], p1363: true };
    default: return {};
  }
}

function crypt(decrypt, algorithm, key, data) {
  const { name } = algorithm;
  const inner = innerOf(key);
  const needs = (type) => {
    if (fieldsOf(key).type !== type) throw fail(`a ${type} key is needed`, 'InvalidAccessError');
  };
  switch (name) {
    case 'RSA-OAEP':
      needs(decrypt ? 'private' : 'public');
      return run({ op: 'seal', oaep: true, hash: hashes[fieldsOf(key).algorithm.hash.name], decrypt }, inner.der, data, algorithm.label === undefined ? undefined : bytesOf(algorithm.label, 'label'));
    case 'AES-CBC':
      return run({ op: 'cipher', mode: 'cbc', pad: true, decrypt }, inner, exactly(algorithm.iv, 'iv', 16), data);
    case 'AES-CTR': {
      const iv = exactly(algorithm.counter, 'counter', 16);
      const counter = integer(algorithm.length, 'length', 255);
      if (counter < 1 || counter > 128) throw fail('AES-CTR: the counter has 1 to 128 bits', 'OperationError');
      return run({ op: 'cipher', mode: 'ctr', counter }, inner, iv, data);
    }
    case 'AES-GCM': {
      const tag = algorithm.tagLength === undefined ? 128 : integer(algorithm.tagLength, 'tagLength', 255);
      if (![32, 64, 96, 104, 112, 120, 128].includes(tag)) throw fail(`AES-GCM: a tag of ${tag} bits`, 'OperationError');
      const aad = algorithm.additionalData === undefined ? undefined : bytesOf(algorithm.additionalData, 'additionalData');
      return run({ op: 'cipher', mode: 'gcm', tag: tag / 8, decrypt }, inner, bytesOf(required(algorithm.iv, 'iv'), 'iv'), data, aad);
    }
    default: // AES-KW
      return run({ op: 'cipher', mode: 'kw', decrypt }, inner, undefined, data);
  }
}

function exactly(value, name, length) {
  const bytes = bytesOf(required(value, name), name);
  if (bytes.length !== length) throw fail(`the ${name} has not ${length} bytes`, 'OperationError');
  return bytes;
}

function deriveBits(algorithm, key, length) {
  const { name } = algorithm;
  const inner = innerOf(key);
  if (name === 'ECDH' || name === 'X25519') return agreed(algorithm, key, inner, length);
  const hash = hashes[hashOf(algorithm.hash)];
  const salt = bytesOf(required(algorithm.salt, 'salt'), 'salt');
  if (name === 'PBKDF2') {
    const iterations = integer(algorithm.iterations, 'iterations', 2 ** 32 - 1);
    if (length === null || length % 8) throw fail('PBKDF2: a length in whole bytes is needed', 'OperationError');
    if (iterations === 0) throw fail('PBKDF2: iterations may not be 0', 'OperationError');
    return run({ op: 'pbkdf2', hash, iterations, length: length / 8 }, inner, salt);
  }
  const info = bytesOf(required(algorithm.info, 'info'), 'info');
  if (length === null || length % 8) throw fail('HKDF: a length in whole bytes is needed', 'OperationError');
  return run({ op: 'hkdf', hash, length: length / 8 }, inner, salt, info);
}

function agreed(algorithm, key, inner, length) {
  const theirs = fieldsOf(required(algorithm.public, 'public'));
  const mine = fieldsOf(key);
  if (mine.type !== 'private' || theirs.type !== 'public') throw fail('a private key and another\'s public one are needed', 'InvalidAccessError');
  if (theirs.algorithm.name !== mine.algorithm.name || theirs.algorithm.namedCurve !== mine.algorithm.namedCurve) throw fail('the keys are not of one curve', 'InvalidAccessError');
  const secret = run({ op: 'agree' }, inner.der, innerOf(algorithm.public).der);
  if (length === null) return secret;
  if (length > secret.length * 8) throw fail(`the keys share ${secret.length * 8} bits, ${length} were asked for`, 'OperationError');
  const out = secret.slice(0, Math.ceil(length / 8));
  if (length % 8) out[out.length - 1] &= 0xff << (8 - length % 8);
  return out;
}

function keyLength(algorithm) {
  const { name } = algorithm;
  switch (algorithms[name].family) {
    case 'aes': {
      const bits = integer(algorithm.length, 'length', 65535);
      if (![128, 192, 256].includes(bits)) throw fail(`an AES key of ${bits} bits`, 'OperationError');
      return bits;
    }
    case 'hmac': {
      if (algorithm.length === undefined) return blocks[hashOf(algorithm.hash)];
      const bits = integer(algorithm.length, 'length', 2 ** 32 - 1);
      if (bits === 0) throw new TypeError('length may not be 0');
      return bits;
    }
    default: return null;
  }
}

function formatOf(format) {
  const f = String(format);
  if (!formats.includes(f)) throw new TypeError(`"${f}" is no format of a key`);
  return f;
}

// wrapping gives the algorithm under which a key is wrapped: its own, or a cipher's.
function wrapping(algorithm, op) {
  try {
    return normalize(algorithm, 'wrapKey');
  } catch (err) {
    if (err?.name !== 'NotSupportedError') throw err;
    return normalize(algorithm, op);
  }
}

export class SubtleCrypto {
  constructor(key) {
    if (key !== made) throw new TypeError('Illegal constructor');
  }
  get [Symbol.toStringTag]() { return 'SubtleCrypto'; }

  async digest(algorithm, data) {
    const { name } = normalize(algorithm, 'digest');
    return whole(kernel.native('hash', hashes[name], bytesOf(data, 'digest')));
  }

  async generateKey(algorithm, extractable, keyUsages) {
    const norm = normalize(algorithm, 'generateKey');
    const usages = usagesOf(keyUsages);
    const params = keyParams(norm);
    const { family } = algorithms[norm.name];
    return (family === 'aes' || family === 'hmac' ? generateSecret : generatePair)(norm, params, Boolean(extractable), usages);
  }

  async importKey(format, keyData, algorithm, extractable, keyUsages) {
    const f = formatOf(format);
    const norm = normalize(algorithm, 'importKey');
    return importKey(f, keyData, norm, Boolean(extractable), usagesOf(keyUsages));
  }

  async exportKey(format, key) {
    const f = formatOf(format);
    return exportKey(f, key);
  }

  async sign(algorithm, key, data) {
    const norm = normalize(algorithm, 'sign');
    const bytes = bytesOf(data, 'sign');
    const inner = usable(key, norm, 'sign');
    if (norm.name === 'HMAC') return whole(kernel.native('hmac', hashes[fieldsOf(key).algorithm.hash.name], inner, bytes));
    return whole(asked(() => run({ ...signature(norm, fieldsOf(key)), op: 'sign' }, inner.der, bytes)));
  }

  async verify(algorithm, key, signed, data) {
    const norm = normalize(algorithm, 'verify');
    const sig = bytesOf(signed, 'verify');
    const bytes = bytesOf(data, 'verify');
    const inner = usable(key, norm, 'verify');
    if (norm.name === 'HMAC') return kernel.native('equal', kernel.native('hmac', hashes[fieldsOf(key).algorithm.hash.name], inner, bytes), sig);
    return asked(() => run({ ...signature(norm, fieldsOf(key)), op: 'verify' }, inner.der, bytes, sig));
  }

  async encrypt(algorithm, key, data) {
    const norm = normalize(algorithm, 'encrypt');
    const bytes = bytesOf(data, 'encrypt');
    usable(key, norm, 'encrypt');
    return whole(asked(() => crypt(false, norm, key, bytes)));
  }

  async decrypt(algorithm, key, data) {
    const norm = normalize(algorithm, 'decrypt');
    const bytes = bytesOf(data, 'decrypt');
    usable(key, norm, 'decrypt');
    return whole(asked(() => crypt(true, norm, key, bytes)));
  }

  async deriveBits(algorithm, baseKey, length = null) {
    const norm = normalize(algorithm, 'deriveBits');
    usable(baseKey, norm, 'deriveBits');
    return whole(asked(() => deriveBits(norm, baseKey, length === null ? null : integer(length, 'length', 2 ** 32 - 1))));
  }

  async deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    const norm = normalize(algorithm, 'deriveBits');
    const into = normalize(derivedKeyType, 'importKey');
    const bits = keyLength(normalize(derivedKeyType, 'keyLength'));
    const usages = usagesOf(keyUsages);
    usable(baseKey, norm, 'deriveKey');
    const secret = asked(() => deriveBits(norm, baseKey, bits));
    return importKey('raw', secret, into, Boolean(extractable), usages);
  }

  async wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    const f = formatOf(format);
    const norm = wrapping(wrapAlgorithm, 'encrypt');
    usable(wrappingKey, norm, 'wrapKey');
    const out = exportKey(f, key);
    let bytes = f === 'jwk' ? utf8(JSON.stringify(out)) : new Uint8Array(out);
    // AES-KW takes whole eights; JSON may end in spaces.
    if (f === 'jwk' && norm.name === 'AES-KW') bytes = utf8(JSON.stringify(out).padEnd(Math.ceil(bytes.length / 8) * 8));
    return whole(asked(() => crypt(false, norm, wrappingKey, bytes)));
  }

  async unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, keyUsages) {
    const f = formatOf(format);
    const norm = wrapping(unwrapAlgorithm, 'decrypt');
    const into = normalize(unwrappedKeyAlgorithm, 'importKey');
    const usages = usagesOf(keyUsages);
    const bytes = bytesOf(wrappedKey, 'unwrapKey');
    usable(unwrappingKey, norm, 'unwrapKey');
    const plain = asked(() => crypt(true, norm, unwrappingKey, bytes));
    let data = plain;
    if (f === 'jwk') {
      try {
        data = JSON.parse(text(plain));
      } catch {
        throw fail('unwrapKey: what was wrapped is no JWK', 'DataError');
      }
    }
    return importKey(f, data, into, Boolean(extractable), usages);
  }
}
export const subtle = new SubtleCrypto(made);

/** The inside of a CryptoKey, for node:crypto's KeyObject.from: raw bytes or a Key. */
export const insideOf = (key) => ({ fields: fieldsOf(key), inner: innerOf(key) });
