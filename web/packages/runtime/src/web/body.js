// What Request and Response have in common: a body that can be read once, in several
// forms. Bodies are whole in memory; a ReadableStream is made only when asked for.
import { onAbort } from './abort.js';
import { Blob, blobOf, bytesOfBlob } from './blob.js';
import { bytesIn, bytesOf, concat, decoded, isBuffer, text, utf8 } from './bytes.js';
import { structuredClone } from './clone.js';
import { FormData, decodeMultipart, encodeMultipart } from './formdata.js';
import { formatMIME, typeOfHeaders } from './mime.js';
import { ReadableStream, TransformStream, disturbed, drain, spent, streamOf } from './stream.js';
import { URLSearchParams } from './url.js';
import { Anything } from './webidl.js';

/**
 * The bytes of any value that fetch takes as a body, and the content type that it implies.
 * @returns {{bytes?: Uint8Array, stream?: ReadableStream, type: string|null}}
 */
export function bodyOf(value) {
  if (value === null || value === undefined) return { type: null };
  if (typeof value === 'string') return { bytes: utf8(value.toWellFormed()), type: 'text/plain;charset=UTF-8' };
  if (value instanceof URLSearchParams) return { bytes: utf8(value.toString()), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  if (value instanceof FormData) return encodeMultipart(value);
  if (value instanceof Blob) return { bytes: bytesOfBlob(value), type: value.type || null };
  if (isBuffer(value) || ArrayBuffer.isView(value)) return { bytes: bytesOf(value, 'body').slice(), type: null };
  if (value instanceof ReadableStream) {
    if (disturbed(value) || value.locked) throw new TypeError('body: the stream is locked or was read from');
    return { stream: value, type: null };
  }
  if (typeof value.pipe === 'function' && typeof value.on === 'function') {
    // A Node.js stream, or the npm form-data package, which knows its own boundary.
    const type = typeof value.getBoundary === 'function' ? `multipart/form-data; boundary=${value.getBoundary()}` : null;
    return { stream: fromNodeStream(value), type };
  }
  if (typeof value[Symbol.asyncIterator] === 'function') return { stream: ReadableStream.from(value), type: null };
  return { bytes: utf8(`${value}`.toWellFormed()), type: 'text/plain;charset=UTF-8' };
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

const { parse } = JSON;
const textOf = (held) => (typeof held === 'string' ? held : text(held));
const json = (held) => parse(textOf(held));
const unusable = () => new TypeError('Body is unusable: it has already been read');

// The interfaces that include a body have no parent.
export class Body extends Anything {
  #held = null; // the whole body, where it is known: bytes, or the ASCII text that they are
  #stream = null;
  #used = false; // it was read without a stream, or given away
  #signal = null; // ends a body that nobody has read yet

  /** @returns {ReadableStream | null} */
  get body() {
    if (this.#stream === null && this.#held !== null) this.#stream = this.#used ? spent() : Body.#open(this);
    return this.#stream;
  }
  get bodyUsed() { return this.#used || (this.#stream !== null && disturbed(this.#stream)); }

  static #open(body) {
    const signal = body.#signal;
    return streamOf(bytesIn(body.#held), signal === null ? undefined : (fail) => {
      if (signal.aborted) fail(signal.reason);
      else onAbort(signal, fail);
    });
  }

  // take gives the bytes, or a promise of them, and marks the body as read.
  static #take(body) { return bytesIn(Body.#use(body)); }

  // use is take of what is held.
  static #use(body) {
    const held = body.#held;
    const stream = body.#stream;
    if (body.#used || (stream !== null && (disturbed(stream) || stream.locked))) throw unusable();
    body.#signal?.throwIfAborted();
    if (held === null && stream === null) return new Uint8Array(0);
    body.#used = true;
    if (held === null) return drain(stream).then((parts) => concat([new Uint8Array(0), ...parts]));
    if (stream !== null) void stream.getReader().cancel();
    return held;
  }

  async arrayBuffer() { return (await Body.#take(this)).slice().buffer; }
  async blob() {
    const bytes = await Body.#take(this);
    const type = typeOfHeaders(this.headers);
    return blobOf(bytes, type === null ? '' : formatMIME(type));
  }
  async bytes() { return (await Body.#take(this)).slice(); }
  async formData() {
    const bytes = await Body.#take(this);
    const type = typeOfHeaders(this.headers);
    if (type?.type === 'multipart/form-data') return decodeMultipart(bytes, this.headers.get('content-type'));
    if (type?.type === 'application/x-www-form-urlencoded') {
      const form = new FormData();
      for (const [n, v] of new URLSearchParams(`&${decoded(bytes)}`)) form.append(n, v); // a "?" at the start is data
      return form;
    }
    throw new TypeError(`formData: the content type ${JSON.stringify(this.headers.get('content-type'))} is not a form`);
  }
  json() { return Body.#as(this, json); }
  text() { return Body.#as(this, textOf); }

  // as is a promise of what a function makes of what is held, which is not waited for where
  // it is there.
  static #as(body, make) {
    try {
      const held = Body.#use(body);
      return typeof held === 'string' || held instanceof Uint8Array ? Promise.resolve(make(held)) : held.then(make);
    } catch (err) {
      return Promise.reject(err);
    }
  }

  /** node-fetch's buffer(): a Node.js Buffer where there is one. */
  async buffer() {
    const bytes = await Body.#take(this);
    return globalThis.Buffer ? globalThis.Buffer.from(bytes) : bytes.slice();
  }

  static set(target, held = null, stream = null, signal = null) {
    target.#held = held;
    target.#stream = stream;
    target.#signal = signal;
  }

  static has(target) { return target.#held !== null || target.#stream !== null; }

  /** Whole body as bytes, or undefined if there is none; marks it as read. */
  static async take(source) { return Body.#has(source) ? Body.#take(source) : undefined; }
  /** The body as bytes where they are known, else as the stream that it is; marks it as read. */
  static give(source) {
    if (!Body.#has(source)) return undefined;
    if (source.#held !== null) return Body.#take(source);
    if (source.bodyUsed || source.#stream.locked) throw unusable();
    source.#used = true;
    return source.#stream;
  }
  static #has(source) { return source.#held !== null || source.#stream !== null; }

  static copy(source, target) {
    if (source.bodyUsed || source.#stream?.locked) throw new TypeError('clone: the body has already been read');
    if (source.#held !== null) {
      target.#held = source.#held;
      target.#signal = source.#signal;
    } else if (source.#stream !== null) {
      const [one, two] = source.#stream.tee();
      source.#stream = one;
      target.#stream = two.pipeThrough(new TransformStream({
        transform(chunk, controller) { controller.enqueue(structuredClone(chunk)); },
      }, undefined, { highWaterMark: 0 }));
    }
  }

  static move(source, target) {
    if (!Body.#has(source)) return;
    if (source.bodyUsed || source.#stream?.locked) throw unusable();
    source.#used = true;
    target.#held = source.#held;
    if (source.#held === null) target.#stream = source.#stream.pipeThrough(new TransformStream());
    else if (source.#stream !== null) void source.#stream.getReader().cancel();
  }
}
/** Gives an object its body: its bytes, the ASCII text that they are, or a stream; and the signal that ends it. */
export const setBody = Body.set;
export const hasBody = Body.has;
export const takeBody = Body.take;
export const giveBody = Body.give;
export const copyBody = Body.copy;
/** Gives the body of one to another; the first has been read then. */
export const moveBody = Body.move;
for (const name of ['set', 'has', 'take', 'give', 'copy', 'move']) delete Body[name];

/** Makes the members of Body those of an interface whose constructor calls new Body(this). */
export function includeBody(Class) {
  for (const [key, own] of Object.entries(Object.getOwnPropertyDescriptors(Body.prototype))) {
    if (key !== 'constructor') Object.defineProperty(Class.prototype, key, own);
  }
}
