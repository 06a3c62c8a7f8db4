// What Request and Response have in common: a body that can be read once, in several
// forms. Bodies are whole in memory; a ReadableStream is made only when asked for.
import { Blob, bytesOfBlob } from './blob.js';
import { bytesOf, concat, isBuffer, text, utf8 } from './bytes.js';
import { FormData, decodeMultipart, encodeMultipart } from './formdata.js';
import { URLSearchParams } from './url.js';
import { ReadableStream, drain, streamOf } from './stream.js';

/**
 * The bytes of any value that fetch takes as a body, and the content type that it implies.
 * @returns {{bytes?: Uint8Array, stream?: ReadableStream, type: string|null}}
 */
export function bodyOf(value) {
  if (value === null || value === undefined) return { type: null };
  if (typeof value === 'string') return { bytes: utf8(value), type: 'text/plain;charset=UTF-8' };
  if (value instanceof URLSearchParams) return { bytes: utf8(value.toString()), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (value instanceof FormData) return encodeMultipart(value);
  if (value instanceof Blob) return { bytes: bytesOfBlob(value), type: value.type || null };
  if (isBuffer(value) || ArrayBuffer.isView(value)) return { bytes: bytesOf(value, 'body').slice(), type: null };
  if (value instanceof ReadableStream) return { stream: value, type: null };
  if (typeof value.pipe === 'function' && typeof value.on === 'function') {
    // A Node.js stream, or the npm form-data package, which knows its own boundary.
    const type = typeof value.getBoundary === 'function' ? `multipart/form-data; boundary=${value.getBoundary()}` : null;
    return { stream: fromNodeStream(value), type };
  }
  if (typeof value[Symbol.asyncIterator] === 'function') return { stream: ReadableStream.from(value), type: null };
  return { bytes: utf8(String(value)), type: 'text/plain;charset=UTF-8' };
}

function fromNodeStream(source) {
  return new ReadableStream({
    start(controller) {
      source.on('data', (chunk) => controller.enqueue(typeof chunk === 'string' ? utf8(chunk) : bytesOf(chunk, 'body')));
      source.on('end', () => controller.close());
      source.on('error', (err) => controller.error(err));
      source.resume?.();
    },
  });
}

export class Body {
  #bytes = null;
  #stream = null;
  #used = false;

  get bodyUsed() { return this.#used || (this.#stream !== null && this.#bytes === null && this.#stream.locked); }

  /** @returns {ReadableStream | null} */
  get body() {
    if (this.#stream === null && this.#bytes !== null) this.#stream = watched(streamOf(this.#bytes), () => { this.#used = true; });
    return this.#stream;
  }

  async #take() {
    if (this.bodyUsed || this.#stream?.locked) throw new TypeError('Body is unusable: it has already been read');
    if (this.#bytes === null && this.#stream === null) return new Uint8Array(0);
    this.#used = true;
    if (this.#bytes !== null && this.#stream === null) return this.#bytes;
    return concat(await drain(this.#stream));
  }

  async text() { return text(await this.#take()); }
  async json() { return JSON.parse(text(await this.#take())); }
  async bytes() { return (await this.#take()).slice(); }
  async arrayBuffer() { return (await this.#take()).slice().buffer; }
  async blob() { return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' }); }
  /** node-fetch's buffer(): a Node.js Buffer where there is one. */
  async buffer() {
    const bytes = await this.#take();
    return globalThis.Buffer ? globalThis.Buffer.from(bytes) : bytes.slice();
  }
  async formData() {
    const type = this.headers.get('content-type') ?? '';
    const bytes = await this.#take();
    if (/^multipart\/form-data\b/i.test(type)) return decodeMultipart(bytes, type);
    if (/^application\/x-www-form-urlencoded\b/i.test(type)) {
      const form = new FormData();
      for (const [n, v] of new URLSearchParams(text(bytes))) form.append(n, v);
      return form;
    }
    throw new TypeError(`formData: the content type ${JSON.stringify(type)} is not a form`);
  }

  static set(target, { bytes = null, stream = null }) {
    target.#bytes = bytes;
    target.#stream = stream;
  }

  /** Whole body as bytes, or undefined if there is none; marks it as read. */
  static async take(source) {
    if (source.#bytes === null && source.#stream === null) return undefined;
    return source.#take();
  }

  static copy(source, target) {
    if (source.bodyUsed) throw new TypeError('clone: the body has already been read');
    if (source.#bytes !== null && source.#stream === null) {
      target.#bytes = source.#bytes;
    } else if (source.#stream !== null) {
      const [one, two] = source.#stream.tee();
      source.#bytes = null;
      source.#stream = one;
      target.#stream = two;
    }
  }
}
export const setBody = Body.set;
export const takeBody = Body.take;
export const copyBody = Body.copy;
delete Body.set;
delete Body.take;
delete Body.copy;

function watched(stream, onRead) {
  const getReader = stream.getReader;
  stream.getReader = function (...args) {
    onRead();
    return getReader.apply(this, args);
  };
  return stream;
}
