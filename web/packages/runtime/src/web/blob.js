// Blob and File, in memory.
import { bytesOf, concat, isBuffer, text, utf8 } from './bytes.js';
import { streamOf } from './stream.js';

const lineEnds = /\r\n|\r|\n/g;

export class Blob {
  #bytes;
  #type;

  constructor(parts = [], options = {}) {
    if (parts === null || typeof parts !== 'object' || typeof parts[Symbol.iterator] !== 'function') {
      throw new TypeError('Blob: the parts must be an iterable');
    }
    const chunks = [];
    for (const part of parts) {
      if (part instanceof Blob) chunks.push(part.#bytes);
      else if (isBuffer(part) || ArrayBuffer.isView(part)) chunks.push(bytesOf(part, 'Blob').slice());
      else chunks.push(utf8(options.endings === 'native' ? String(part).replace(lineEnds, '\n') : String(part).toWellFormed()));
    }
    this.#bytes = concat(chunks);
    const type = options.type === undefined ? '' : String(options.type);
    this.#type = /[^\x20-\x7e]/.test(type) ? '' : type.toLowerCase();
  }

  get size() { return this.#bytes.length; }
  get type() { return this.#type; }

  slice(start = 0, end = this.size, type = '') {
    const at = (n) => (n < 0 ? Math.max(this.size + n, 0) : Math.min(n, this.size));
    const from = at(Math.trunc(Number(start)) || 0);
    const part = new Blob([], { type });
    part.#bytes = this.#bytes.subarray(from, Math.max(at(Math.trunc(Number(end)) || 0), from));
    return part;
  }

  async text() { return text(this.#bytes); }
  async bytes() { return this.#bytes.slice(); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  stream() { return streamOf(this.#bytes.slice()); }
  get [Symbol.toStringTag]() { return 'Blob'; }

  static peek(blob) { return blob.#bytes; }
}
/** The blob's own bytes, without a copy: callers must not change them. */
export const bytesOfBlob = Blob.peek;
delete Blob.peek;

export class File extends Blob {
  #name;
  #modified;
  constructor(parts, name, options = {}) {
    if (arguments.length < 2) throw new TypeError('File: parts and a name are needed');
    super(parts, options);
    this.#name = String(name).toWellFormed();
    this.#modified = options.lastModified === undefined ? Date.now() : Number(options.lastModified);
  }
  get name() { return this.#name; }
  get lastModified() { return this.#modified; }
  get webkitRelativePath() { return ''; }
  get [Symbol.toStringTag]() { return 'File'; }
}
