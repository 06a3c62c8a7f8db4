// Hashes and HMAC of node:crypto.
import { kernel } from '@annex/runtime/kernel';
import { concat } from '../web/bytes.js';
import { buffer, bytes, coded, digestName, output } from './crypto-bytes.js';
import { secretBytes } from './crypto-keys.js';
import { Transform } from './stream.js';

const finalized = () => coded(new Error('Digest already called'), 'ERR_CRYPTO_HASH_FINALIZED');

// A Digest gathers what is written and computes at the end: the host hashes whole values.
export class Digest extends Transform {
  #parts = [];
  #done = false;
  #finish;

  constructor(finish, options) {
    super(options);
    this.#finish = finish;
  }
  update(data, encoding) {
    if (this.#done) throw finalized();
    this.#parts.push(bytes(data, encoding).slice());
    return this;
  }
  digest(encoding) {
    if (this.#done) throw finalized();
    this.#done = true;
    return output(this.#finish(concat([new Uint8Array(0), ...this.#parts])), encoding);
  }
  copyTo(other) {
    if (this.#done) throw finalized();
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
    const alg = digestName(name);
    super((data) => kernel.native('hash', alg, data), options);
    this.#name = name;
  }
  copy(options) { return this.copyTo(new Hash(this.#name, options)); }
}

export class Hmac extends Digest {
  constructor(name, key, options) {
    const alg = digestName(name);
    const secret = secretBytes(key, options?.encoding);
    super((data) => kernel.native('hmac', alg, secret, data), options);
  }
}

/** A running hash: md5, sha1, sha2 and sha3. */
export const createHash = (name, options) => new Hash(name, options);
/** A running HMAC over one of the same hashes. */
export const createHmac = (name, key, options) => new Hmac(name, key, options);
/** The hash of one value. */
export const hash = (name, data, encoding = 'hex') => output(kernel.native('hash', digestName(name), bytes(data)), encoding);
export { buffer };
