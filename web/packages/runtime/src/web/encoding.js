// TextEncoder and TextDecoder over the engine's own UTF-8 conversion, which runs
// outside the interpreter. Of other encodings only UTF-16LE and Latin-1 (the label
// covers windows-1252 too, as the standard says) are known; another label is a RangeError.
import { kernel } from '@annex/runtime/kernel';
import { bytesOf } from './bytes.js';

const labels = new Map([
  ['utf-8', 'utf-8'], ['utf8', 'utf-8'], ['unicode-1-1-utf-8', 'utf-8'], ['unicode11utf8', 'utf-8'], ['unicode20utf8', 'utf-8'], ['x-unicode20utf8', 'utf-8'],
  ['utf-16le', 'utf-16le'], ['utf-16', 'utf-16le'], ['ucs-2', 'utf-16le'], ['unicode', 'utf-16le'],
  ['latin1', 'windows-1252'], ['iso-8859-1', 'windows-1252'], ['iso8859-1', 'windows-1252'], ['ascii', 'windows-1252'], ['us-ascii', 'windows-1252'],
  ['windows-1252', 'windows-1252'], ['cp1252', 'windows-1252'], ['x-cp1252', 'windows-1252'],
]);

// windows-1252 differs from Latin-1 in the bytes 0x80 to 0x9f.
const windows1252 = '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

export class TextEncoder {
  get encoding() { return 'utf-8'; }

  /** @param {string} [text] @returns {Uint8Array} */
  encode(text = '') { return kernel.native('utf8enc', String(text).toWellFormed()); }

  /** Writes as much of text as fits; never half a character. */
  encodeInto(text, into) {
    text = String(text).toWellFormed();
    const whole = kernel.native('utf8enc', text);
    if (whole.length <= into.length) {
      into.set(whole);
      return { read: text.length, written: whole.length };
    }
    let written = into.length;
    while (written > 0 && (whole[written] & 0xc0) === 0x80) written--;
    into.set(whole.subarray(0, written));
    return { read: kernel.native('utf8dec', whole.subarray(0, written), false).length, written };
  }
}

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #rest = null; // bytes of an unfinished character, while streaming
  #begun = false;

  constructor(label = 'utf-8', options = {}) {
    const encoding = labels.get(String(label).trim().toLowerCase());
    if (!encoding) throw new RangeError(`TextDecoder: the encoding ${JSON.stringify(String(label))} is not known here (utf-8, utf-16le, windows-1252 are)`);
    this.#encoding = encoding;
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }

  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  /** @returns {string} @throws {TypeError} on malformed input when fatal */
  decode(input, options = {}) {
    let bytes = input === undefined ? new Uint8Array(0) : bytesOf(input, 'TextDecoder.decode');
    if (this.#rest) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
      this.#rest = null;
    }
    const stream = Boolean(options.stream);
    if (stream) {
      const end = this.#encoding === 'utf-8' ? wholeUTF8(bytes) : this.#encoding === 'utf-16le' ? wholeUTF16(bytes) : bytes.length;
      if (end < bytes.length) this.#rest = bytes.slice(end);
      bytes = bytes.subarray(0, end);
    }
    let text = this.#convert(bytes);
    if (!this.#begun && text.length > 0) {
      if (!this.#ignoreBOM && text.charCodeAt(0) === 0xfeff && this.#encoding !== 'windows-1252') text = text.slice(1);
      this.#begun = true;
    }
    if (!stream) this.#begun = false;
    return text;
  }

  #convert(bytes) {
    if (this.#encoding === 'utf-8') {
      try {
        return kernel.native('utf8dec', bytes, this.#fatal);
      } catch (cause) {
        throw this.#malformed(cause);
      }
    }
    let text = '';
    if (this.#encoding === 'utf-16le') {
      for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i] | (bytes[i + 1] << 8));
      if (bytes.length % 2) text += '\ud800';
      if (!text.isWellFormed()) {
        if (this.#fatal) throw this.#malformed();
        text = text.toWellFormed();
      }
      return text;
    }
    for (const b of bytes) text += b >= 0x80 && b < 0xa0 ? windows1252[b - 0x80] : String.fromCharCode(b);
    return text;
  }

  #malformed(cause) {
    const err = new TypeError(`The encoded data was not valid for encoding ${this.#encoding}`, { cause });
    err.code = 'ERR_ENCODING_INVALID_ENCODED_DATA';
    return err;
  }
}

// wholeUTF8 is the length of the bytes without a character that is still incomplete.
function wholeUTF8(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const b = bytes[bytes.length - back];
    if ((b & 0xc0) === 0x80) continue;
    const need = b >= 0xf0 && b < 0xf5 ? 4 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xc2 && b < 0xe0 ? 2 : 1;
    return need > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function wholeUTF16(bytes) {
  let end = bytes.length - (bytes.length % 2);
  if (end >= 2 && (bytes[end - 1] & 0xfc) === 0xd8) end -= 2;
  return end;
}
