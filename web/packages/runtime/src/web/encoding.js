// TextEncoder and TextDecoder. UTF-8 goes through the host, outside of the interpreter;
// the encodings of old are decoded by @exodus/bytes, which follows the standard's own tables.
import { kernel } from '@annex/runtime/kernel';
import { createMultibyteDecoder } from '@exodus/bytes/multi-byte.js';
import { createSinglebyteDecoder } from '@exodus/bytes/single-byte.js';
import { normalizeEncoding } from '@exodus/bytes/encoding-lite.js';
import { bytesOf } from './bytes.js';
import { defineInterface, dictionary, need } from './webidl.js';

const multibyte = new Set(['big5', 'euc-kr', 'euc-jp', 'iso-2022-jp', 'shift_jis', 'gbk', 'gb18030']);

/** The encoding that a label names, null if it names none that can be decoded. */
export function encodingOf(label) {
  const name = normalizeEncoding(`${label}`);
  return name === 'replacement' ? null : name;
}

export class TextEncoder {
  #own;
  get encoding() {
    void this.#own;
    return 'utf-8';
  }

  /** @param {string} [text] @returns {Uint8Array} */
  encode(text = '') {
    void this.#own;
    return kernel.native('utf8enc', `${text}`.toWellFormed());
  }

  /** Writes as much of text as fits; never half a character. */
  encodeInto(text, into) {
    void this.#own;
    need(arguments.length, 2, 'TextEncoder.encodeInto');
    text = `${text}`.toWellFormed();
    if (!(into instanceof Uint8Array)) throw new TypeError('TextEncoder.encodeInto: a Uint8Array is needed');
    const room = into.length;
    if (room === 0) return { read: 0, written: 0 };
    // A character takes at least a byte for each of its units.
    const whole = kernel.native('utf8enc', text.length > room ? text.slice(0, room).toWellFormed() : text);
    if (whole.length <= room && text.length <= room) {
      into.set(whole);
      return { read: text.length, written: whole.length };
    }
    let read = 0;
    let written = 0;
    for (const character of text) {
      const unit = character.codePointAt(0);
      const size = unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit < 0x10000 ? 3 : 4;
      if (written + size > room) break;
      read += character.length;
      written += size;
    }
    into.set(whole.subarray(0, written));
    return { read, written };
  }
}
defineInterface(TextEncoder, 'TextEncoder');

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #rest = null; // bytes of an unfinished character, while streaming
  #begun = false;
  #streaming = false;
  #legacy = null; // the decoder of an encoding of old

  constructor(label = 'utf-8', options = undefined) {
    const encoding = encodingOf(label);
    if (!encoding) {
      const err = new RangeError(`The "${label}" encoding is not supported`);
      err.code = 'ERR_ENCODING_NOT_SUPPORTED';
      throw err;
    }
    const { fatal, ignoreBOM } = dictionary(options, 'TextDecoder');
    this.#encoding = encoding;
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  /** @returns {string} @throws {TypeError} on malformed input when fatal */
  decode(input = undefined, options = undefined) {
    let bytes = input === undefined ? new Uint8Array(0) : bytesOf(input, 'TextDecoder.decode');
    const stream = Boolean(dictionary(options, 'TextDecoder.decode').stream);
    if (!this.#streaming) {
      this.#rest = null;
      this.#begun = false;
    }
    this.#streaming = stream;
    const wide = this.#encoding === 'utf-16le' || this.#encoding === 'utf-16be';
    if (!wide && this.#encoding !== 'utf-8') return this.#decodeLegacy(bytes, stream);

    if (this.#rest) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
      this.#rest = null;
    }
    if (stream) {
      const end = wide ? wholeUTF16(bytes, this.#encoding === 'utf-16be') : wholeUTF8(bytes);
      if (end < bytes.length) this.#rest = bytes.slice(end);
      bytes = bytes.subarray(0, end);
    }
    let text = wide ? this.#decodeWide(bytes) : this.#decodeUTF8(bytes);
    if (!this.#begun && text.length > 0) {
      if (!this.#ignoreBOM && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
      this.#begun = true;
    }
    return text;
  }

  #decodeUTF8(bytes) {
    try {
      return kernel.native('utf8dec', bytes, this.#fatal);
    } catch (cause) {
      throw this.#malformed(cause);
    }
  }

  #decodeWide(bytes) {
    const odd = bytes.length % 2 === 1;
    bytes = bytes.subarray(0, bytes.length - (odd ? 1 : 0));
    if (this.#encoding === 'utf-16be') bytes = swapped(bytes);
    if (this.#fatal && (odd || !wellFormedWide(bytes))) throw this.#malformed();
    const text = kernel.native('utf16dec', bytes);
    // What ends in half a pair and half a unit is one error.
    return odd && wholeUTF16(bytes, false) === bytes.length ? `${text}\ufffd` : text;
  }

  #decodeLegacy(bytes, stream) {
    const decode = (this.#legacy ??= multibyte.has(this.#encoding)
      ? createMultibyteDecoder(this.#encoding, !this.#fatal)
      : createSinglebyteDecoder(this.#encoding, !this.#fatal));
    try {
      return decode(bytes, stream);
    } catch (cause) {
      this.#legacy = null;
      throw this.#malformed(cause);
    }
  }

  #malformed(cause) {
    const err = new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`, { cause });
    err.code = 'ERR_ENCODING_INVALID_ENCODED_DATA';
    return err;
  }
}
defineInterface(TextDecoder, 'TextDecoder');

// wholeUTF8 is the length of the bytes without a character at their end that may still be
// completed.
function wholeUTF8(bytes) {
  const { length } = bytes;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const b = bytes[length - back];
    if ((b & 0xc0) === 0x80) continue;
    const size = b >= 0xf0 && b < 0xf5 ? 4 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xc2 && b < 0xe0 ? 2 : 1;
    if (size <= back) return length;
    const next = back > 1 ? bytes[length - back + 1] : 0x80 | (b === 0xe0 ? 0x20 : b === 0xf0 ? 0x10 : 0);
    const low = b === 0xe0 ? 0xa0 : b === 0xf0 ? 0x90 : 0x80;
    const high = b === 0xed ? 0x9f : b === 0xf4 ? 0x8f : 0xbf;
    return next >= low && next <= high ? length - back : length;
  }
  return length;
}

function wholeUTF16(bytes, bigEndian) {
  let end = bytes.length - (bytes.length % 2);
  if (end >= 2 && (bytes[bigEndian ? end - 2 : end - 1] & 0xfc) === 0xd8) end -= 2;
  return end;
}

function swapped(bytes) {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i + 1 < bytes.length; i += 2) {
    out[i] = bytes[i + 1];
    out[i + 1] = bytes[i];
  }
  return out;
}

// wellFormedWide says whether little-endian UTF-16 holds no half of a pair.
function wellFormedWide(bytes) {
  const { length } = bytes;
  for (let i = 0; i < length; i += 2) {
    const kind = bytes[i + 1] & 0xfc;
    if (kind === 0xdc) return false;
    if (kind === 0xd8) {
      i += 2;
      if (i >= length || (bytes[i + 1] & 0xfc) !== 0xdc) return false;
    }
  }
  return true;
}
