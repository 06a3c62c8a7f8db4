// Blob and File, in memory.
import { bytesOf, concat, isBuffer, text, utf8 } from './bytes.js';
import { streamOf } from './stream.js';
import { defineInterface, dictionary, need, oneOf, usv } from './webidl.js';

const lineEnds = /\r\n|\r|\n/g;
const typeOf = (type) => (/[^\x20-\x7e]/.test(type) ? '' : type.toLowerCase());

// clamped is a number as [Clamp] long long takes it: the nearest whole one, of two the even one.
function clamped(value) {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const below = Math.floor(number);
  return number - below === 0.5 ? below + Math.abs(below % 2) : Math.round(number);
}

export class Blob {
  #bytes;
  #type;

  constructor(parts = undefined, options = undefined) {
    const chunks = [];
    if (parts !== undefined) {
      if (parts === null || (typeof parts !== 'object' && typeof parts !== 'function') || typeof parts[Symbol.iterator] !== 'function') {
        throw new TypeError('Blob: the parts must be an iterable');
      }
      for (const part of parts) {
        if (part instanceof Blob || isBuffer(part) || ArrayBuffer.isView(part)) chunks.push(part);
        else chunks.push(`${part}`);
      }
    }
    const given = dictionary(options, 'Blob');
    const endings = given.endings === undefined ? 'transparent' : oneOf(['transparent', 'native'], given.endings, 'Blob: endings');
    const { type } = given;
    this.#type = type === undefined ? '' : typeOf(`${type}`);
    this.#bytes = concat(chunks.map((part) => {
      if (typeof part === 'string') return utf8((endings === 'native' ? part.replace(lineEnds, '\n') : part).toWellFormed());
      return part instanceof Blob ? part.#bytes : bytesOf(part, 'Blob').slice();
    }));
  }

  get size() { return this.#bytes.length; }
  get type() { return this.#type; }

  slice(start = 0, end = undefined, type = '') {
    const { length } = this.#bytes;
    const at = (value) => {
      const n = clamped(value);
      return n < 0 ? Math.max(length + n, 0) : Math.min(n, length);
    };
    const from = at(start);
    const part = new Blob();
    part.#type = typeOf(`${type}`);
    part.#bytes = this.#bytes.subarray(from, Math.max(end === undefined ? length : at(end), from));
    return part;
  }

  async text() { return text(this.#bytes); }
  async bytes() { return this.#bytes.slice(); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  stream() { return streamOf(this.#bytes.slice()); }

  static peek(blob) { return blob.#bytes; }
  static of(bytes, type) {
    const blob = new Blob();
    blob.#bytes = bytes;
    blob.#type = type;
    return blob;
  }
}
/** The blob's own bytes, without a copy: callers must not change them. */
export const bytesOfBlob = Blob.peek;
/** A blob of bytes that are its own from now on. */
export const blobOf = Blob.of;
delete Blob.peek;
delete Blob.of;
defineInterface(Blob, 'Blob');

export class File extends Blob {
  #name;
  #modified;
  constructor(parts, name, options = undefined) {
    need(arguments.length, 2, 'File');
    if (parts === undefined) throw new TypeError('File: parts are needed');
    super(parts, options);
    this.#name = usv(name);
    const { lastModified } = dictionary(options, 'File');
    this.#modified = lastModified === undefined ? Date.now() : Math.trunc(Number(lastModified)) || 0;
  }
  get name() { return this.#name; }
  get lastModified() { return this.#modified; }
  get webkitRelativePath() {
    void this.#name;
    return '';
  }
}
defineInterface(File, 'File', { length: 2 });

/** A file of the same bytes under another name. */
export function renamed(blob, name) {
  return new File([blob], name, { type: blob.type, lastModified: blob instanceof File ? blob.lastModified : undefined });
}

const urls = new Map(); // blob: URL → Blob, for URL.createObjectURL

/** Gives URL its two static members that name a Blob by a URL, for this call alone. */
export function installObjectURLs(URL, uuid) {
  const members = {
    createObjectURL(blob) {
      need(arguments.length, 1, 'URL.createObjectURL');
      if (!(blob instanceof Blob)) throw new TypeError('URL.createObjectURL: a Blob is needed');
      const url = `blob:null/${uuid()}`;
      urls.set(url, blob);
      return url;
    },
    revokeObjectURL(url) {
      need(arguments.length, 1, 'URL.revokeObjectURL');
      urls.delete(`${url}`);
    },
  };
  for (const [key, value] of Object.entries(members)) Object.defineProperty(URL, key, { value, writable: true, enumerable: true, configurable: true });
}
/** The Blob that a blob: URL names. */
export const blobOfURL = (url) => urls.get(url.replace(/#.*$/s, ''));
