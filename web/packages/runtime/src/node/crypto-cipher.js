// Ciphers of node:crypto: AES in the modes cbc, ctr, gcm and ecb.
import { run } from './crypto-host.js';
import { concat } from '../web/bytes.js';
import { Buffer } from './buffer.js';
import { buffer, bytes, coded, output } from './crypto-bytes.js';
import { secretBytes } from './crypto-keys.js';
import { Transform } from './stream.js';

const modes = ['cbc', 'ctr', 'ecb', 'gcm'];
const sizes = [128, 192, 256];
export const getCiphers = () => sizes.flatMap((bits) => modes.map((mode) => `aes-${bits}-${mode}`));

function parse(name) {
  const [, alias, bits, mode] = /^(?:(aes(128|192|256))|aes-(128|192|256)-(cbc|ctr|ecb|gcm)|id-aes(128|192|256)-gcm)$/.test(String(name).toLowerCase())
    ? normal(String(name).toLowerCase()) : [];
  void alias;
  if (bits === undefined) throw coded(new Error(`Unknown cipher: ${name}`), 'ERR_CRYPTO_UNKNOWN_CIPHER');
  return { keyLength: Number(bits) / 8, mode };
}
const normal = (name) => {
  const bits = /128|192|256/.exec(name)[0];
  return [name, name, bits, name.startsWith('id-') ? 'gcm' : modes.find((m) => name.endsWith(m)) ?? 'cbc'];
};

export function getCipherInfo(name) {
  try {
    const { keyLength, mode } = parse(name);
    const block = mode === 'cbc' || mode === 'ecb' ? { blockSize: 16 } : {};
    return { mode, name: String(name).toLowerCase(), ...block, ...(mode !== 'ecb' && { ivLength: mode === 'gcm' ? 12 : 16 }), keyLength };
  } catch {
    return undefined;
  }
}

const state = (what) => coded(new Error(`Invalid state for operation ${what}`), 'ERR_CRYPTO_INVALID_STATE');

// A Cipher gives out what it can as data comes. Of GCM the whole is kept: its tag is made,
// or checked, over all of it at the end.
class Cipher extends Transform {
  #mode;
  #decrypt;
  #key;
  #iv;
  #pad = true;
  #held = new Uint8Array(0); // of blocks: what makes no whole block yet
  #all = []; // of gcm: what came
  #aad = [];
  #tag;
  #tagLength = 16;
  #done = 0;
  #final = false;

  constructor(decrypt, name, key, iv, options) {
    super(options);
    const { keyLength, mode } = parse(name);
    const secret = secretBytes(key);
    if (secret.length !== keyLength) throw coded(new RangeError('Invalid key length'), 'ERR_CRYPTO_INVALID_KEYLEN');
    this.#iv = iv === null || iv === undefined ? new Uint8Array(0) : bytes(iv, 'utf8', 'iv').slice();
    if (mode === 'gcm' ? this.#iv.length === 0 : this.#iv.length !== (mode === 'ecb' ? 0 : 16)) throw coded(new TypeError('Invalid initialization vector'), 'ERR_CRYPTO_INVALID_IV');
    this.#mode = mode;
    this.#decrypt = decrypt;
    this.#key = secret;
    if (options?.authTagLength !== undefined) this.#tagLength = options.authTagLength;
  }

  setAutoPadding(on = true) {
    this.#pad = Boolean(on);
    return this;
  }
  setAAD(data) {
    if (this.#done > 0) throw state('setAAD');
    this.#aad.push(bytes(data).slice());
    return this;
  }
  getAuthTag() {
    if (!this.#final || this.#decrypt || this.#mode !== 'gcm') throw state('getAuthTag');
    return buffer(this.#tag);
  }
  setAuthTag(tag, encoding) {
    if (!this.#decrypt || this.#mode !== 'gcm' || this.#final) throw state('setAuthTag');
    const t = bytes(tag, encoding).slice();
    if (![4, 8, 12, 13, 14, 15, 16].includes(t.length)) throw coded(new TypeError(`Invalid authentication tag length: ${t.length}`), 'ERR_CRYPTO_INVALID_AUTH_TAG');
    this.#tag = t;
    return this;
  }

  update(data, inputEncoding, outputEncoding) {
    if (this.#final) throw state('update');
    return output(this.#update(bytes(data, inputEncoding)), outputEncoding);
  }
  #update(data) {
    const skip = this.#done;
    this.#done += data.length;
    if (this.#mode === 'ctr') return run({ op: 'cipher', mode: 'ctr', skip }, this.#key, this.#iv, data);
    if (this.#mode === 'gcm') {
      this.#all.push(data.slice());
      return run({ op: 'cipher', mode: 'gcm-stream', skip }, this.#key, this.#iv, data);
    }
    const all = concat([this.#held, data]);
    let ready = all.length - all.length % 16;
    // The last block of what is deciphered may be padding.
    if (this.#decrypt && this.#pad && ready === all.length) ready = Math.max(0, ready - 16);
    this.#held = all.slice(ready);
    return this.#blocks(all.subarray(0, ready), false);
  }
  #blocks(data, pad) {
    if (data.length === 0 && !(pad && !this.#decrypt)) {
      if (!pad) return new Uint8Array(0);
    }
    const out = run({ op: 'cipher', mode: this.#mode, pad, decrypt: this.#decrypt }, this.#key, this.#iv, data);
    if (this.#mode === 'cbc' && !pad) this.#iv = (this.#decrypt ? data : out).slice(-16);
    return out;
  }
  final(outputEncoding) {
    if (this.#final) throw state('final');
    this.#final = true;
    return output(this.#finish(), outputEncoding);
  }
  #finish() {
    if (this.#mode === 'ctr') return new Uint8Array(0);
    if (this.#mode !== 'gcm') {
      if (!this.#pad && this.#held.length % 16) throw coded(new Error('error:1C80006A:Provider routines::wrong final block length'), 'ERR_OSSL_WRONG_FINAL_BLOCK_LENGTH');
      return this.#blocks(this.#held, this.#pad);
    }
    const empty = new Uint8Array(0);
    const all = concat([empty, ...this.#all]);
    const aad = concat([empty, ...this.#aad]);
    if (!this.#decrypt) {
      const sealed = run({ op: 'cipher', mode: 'gcm', tag: 16 }, this.#key, this.#iv, all, aad);
      this.#tag = sealed.slice(all.length, all.length + this.#tagLength);
      return empty;
    }
    if (!this.#tag) throw new Error('Unsupported state or unable to authenticate data');
    try {
      run({ op: 'cipher', mode: 'gcm', tag: this.#tag.length, decrypt: true }, this.#key, this.#iv, concat([all, this.#tag]), aad);
    } catch (err) {
      if (err?.code !== 'ERR_OSSL_BAD_DECRYPT') throw err;
      throw new Error('Unsupported state or unable to authenticate data');
    }
    return empty;
  }

  _transform(chunk, encoding, done) {
    try {
      done(null, Buffer.from(this.#update(bytes(chunk, encoding))));
    } catch (err) {
      done(err);
    }
  }
  _flush(done) {
    try {
      this.#final = true;
      const rest = this.#finish();
      if (rest.length) this.push(Buffer.from(rest));
      done();
    } catch (err) {
      done(err);
    }
  }
}

export class Cipheriv extends Cipher {
  constructor(name, key, iv, options) { super(false, name, key, iv, options); }
}
export class Decipheriv extends Cipher {
  constructor(name, key, iv, options) { super(true, name, key, iv, options); }
}
/** A running cipher: aes-128, aes-192 and aes-256 in the modes cbc, ctr, ecb and gcm. */
export const createCipheriv = (name, key, iv, options) => new Cipheriv(name, key, iv, options);
export const createDecipheriv = (name, key, iv, options) => new Decipheriv(name, key, iv, options);
