// Signatures and RSA encryption of node:crypto.
import { run } from './crypto-host.js';
import { NotOfferedError } from '../faults.js';
import { buffer, bytes, coded, digestName, later, output } from './crypto-bytes.js';
import { Digest } from './crypto-hash.js';
import { keyOf } from './crypto-keys.js';

export const constants = Object.freeze({
  RSA_PKCS1_PADDING: 1, RSA_NO_PADDING: 3, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6,
  RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_MAX_SIGN: -2, RSA_PSS_SALTLEN_AUTO: -2,
});

const how = (name, key) => ({
  hash: name === null || name === undefined ? undefined : digestName(name),
  pss: key?.padding === constants.RSA_PKCS1_PSS_PADDING,
  salt: key?.saltLength,
  p1363: key?.dsaEncoding === 'ieee-p1363',
});
const signed = (name, key, data) => run({ ...how(name, key), op: 'sign' }, keyOf(key, 'private').der, data);
const holds = (name, key, data, signature) => run({ ...how(name, key), op: 'verify' }, keyOf(key, 'public').der, data, signature);

export class Sign extends Digest {
  #sign;
  constructor(name, options) {
    digestName(name);
    let gathered;
    super((data) => (gathered = data), options);
    this.#sign = (key) => {
      this.digest();
      return signed(name, key, gathered);
    };
  }
  sign(key, encoding) { return output(this.#sign(key), encoding); }
}
export class Verify extends Digest {
  #check;
  constructor(name, options) {
    digestName(name);
    let gathered;
    super((data) => (gathered = data), options);
    this.#check = (key, signature) => {
      this.digest();
      return holds(name, key, gathered, signature);
    };
  }
  verify(key, signature, encoding) { return this.#check(key, bytes(signature, encoding)); }
}
/** Signs what is written, with RSA (PKCS #1, PSS) or ECDSA. */
export const createSign = (name, options) => new Sign(name, options);
/** Checks a signature over what is written. */
export const createVerify = (name, options) => new Verify(name, options);
/** Signs one value; the name is null for Ed25519. */
export function sign(name, data, key, done) {
  const make = () => buffer(signed(name, key, bytes(data)));
  return done === undefined ? make() : later(make, done);
}
/** Checks a signature over one value; the name is null for Ed25519. */
export function verify(name, data, key, signature, done) {
  const make = () => holds(name, key, bytes(data), bytes(signature));
  return done === undefined ? make() : later(make, done);
}

function sealing(key) {
  const padding = key?.padding ?? constants.RSA_PKCS1_OAEP_PADDING;
  if (padding === constants.RSA_PKCS1_PADDING) return {};
  if (padding !== constants.RSA_PKCS1_OAEP_PADDING) throw new NotOfferedError(`crypto: RSA encryption with padding ${padding}`);
  return { oaep: true, hash: digestName(key?.oaepHash ?? 'sha1') };
}
const label = (key) => (key?.oaepLabel === undefined ? undefined : bytes(key.oaepLabel));
/** Encrypts to an RSA key, OAEP if not said otherwise. */
export const publicEncrypt = (key, data) => buffer(run({ ...sealing(key), op: 'seal' }, keyOf(key, 'public').der, bytes(data), label(key)));
export const privateDecrypt = (key, data) => buffer(run({ ...sealing(key), op: 'seal', decrypt: true }, keyOf(key, 'private').der, bytes(data), label(key)));
export { coded };
