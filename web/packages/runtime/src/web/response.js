// Response of the fetch standard.
import { Body, bodyOf, copyBody, includeBody, setBody } from './body.js';
import { Headers, freezeHeaders, receivedHeaders } from './headers.js';
import { utf8 } from './bytes.js';
import { URL } from './url.js';
import { defineInterface, dictionary, need, usv } from './webidl.js';

const { parse } = JSON;
const received = Symbol('received'); // in place of a body: the rest is set by who has it
const bodiless = new Set([101, 103, 204, 205, 304]);

export class Response {
  #status = 200;
  #rest; // type, redirected, statusText, headers and url; of an answer from outside as JSON, until somebody asks

  constructor(body = null, init = undefined) {
    new Body(this);
    if (body === received) return;
    const rest = (this.#rest = { type: 'default', redirected: false, statusText: '', headers: undefined, url: '' });
    const options = dictionary(init, 'Response');
    if (options.status !== undefined) {
      const status = Math.trunc(Number(options.status));
      if (!(status >= 200 && status <= 599)) throw new RangeError(`Response: the status ${options.status} is not between 200 and 599`);
      this.#status = status;
    }
    if (options.statusText !== undefined) {
      rest.statusText = `${options.statusText}`;
      if (/[^\t\x20-\x7e\x80-\xff]/.test(rest.statusText)) throw new TypeError('Response: the status text holds a character that it cannot carry');
    }
    rest.headers = new Headers(options.headers ?? undefined);
    if (body === null || body === undefined) return;
    if (bodiless.has(this.#status)) throw new TypeError(`Response: status ${this.#status} has no body`);
    const content = bodyOf(body);
    setBody(this, content.bytes, content.stream);
    if (content.type && !rest.headers.has('content-type')) rest.headers.set('content-type', content.type);
  }

  static error() {
    const response = new Response();
    response.#rest.type = 'error';
    response.#status = 0;
    freezeHeaders(response.#rest.headers);
    return response;
  }

  static json(data, init = undefined) {
    need(arguments.length, 1, 'Response.json');
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Response.json: the value has no JSON form');
    const { status, statusText, headers } = dictionary(init, 'Response.json');
    const response = new Response(utf8(text.toWellFormed()), { status, statusText, headers });
    if (!response.headers.has('content-type')) response.headers.set('content-type', 'application/json');
    return response;
  }

  static redirect(url, status = 302) {
    need(arguments.length, 1, 'Response.redirect');
    const { href } = new URL(usv(url));
    status = Math.trunc(Number(status));
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Response.redirect: ${status} is not a redirect`);
    const response = new Response(null, { status, headers: { location: href } });
    freezeHeaders(response.#rest.headers);
    return response;
  }

  get type() { return Response.#opened(this).type; }
  get url() { return Response.#opened(this).url; }
  get redirected() { return Response.#opened(this).redirected; }
  get status() { return this.#status; }
  get ok() { return this.#status >= 200 && this.#status < 300; }
  get statusText() { return Response.#opened(this).statusText; }
  get headers() { return Response.#opened(this).headers; }

  // opened takes in the rest of a head, at which most never look.
  static #opened(response) {
    if (typeof response.#rest === 'string') response.#rest = readHead(parse(response.#rest));
    return response.#rest;
  }

  clone() {
    const { type, redirected, statusText, headers, url } = Response.#opened(this);
    const copy = new Response();
    copyBody(this, copy);
    copy.#status = this.#status;
    copy.#rest = { type, redirected, statusText, headers: new Headers(headers), url };
    if (type !== 'default') freezeHeaders(copy.#rest.headers);
    return copy;
  }

  static received(status, head, redirected, held, stream = null, signal = null) {
    const response = new Response(received);
    response.#status = status;
    response.#rest = typeof head === 'string' && !redirected ? head : readHead(typeof head === 'string' ? parse(head) : head, redirected);
    if (bodiless.has(status)) return response;
    if (stream === null) setBody(response, held ?? '', null, signal);
    else setBody(response, null, stream);
    return response;
  }
}

const readHead = ({ statusText = '', headers, url = '' }, redirected = false) => ({
  type: 'basic',
  redirected,
  statusText,
  headers: headers instanceof Headers ? freezeHeaders(headers) : receivedHeaders(headers),
  url: url.includes('#') ? url.slice(0, url.indexOf('#')) : url,
});

/**
 * Makes the Response of an answer that came from outside, whose head is {statusText, headers,
 * url} or the JSON of that; its headers are the list that the host gave, or Headers. A
 * stream is the body in place of bytes.
 *
 * @param {number} status
 * @param {object | string} head
 * @param {boolean} redirected
 * @param {Uint8Array | string} [held] bytes, or the ASCII text that they are
 * @param {ReadableStream | null} [stream]
 * @param {AbortSignal | null} [signal]
 */
export const receivedResponse = Response.received;
delete Response.received;
includeBody(Response);
defineInterface(Response, 'Response');
Object.defineProperty(Response.prototype, 'buffer', { enumerable: false });
