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
  #statusText = '';
  #headers;
  #head; // of an answer from outside, as JSON, until somebody asks
  #url = '';
  #redirected = false;
  #type = 'default';

  constructor(body = null, init = undefined) {
    new Body(this);
    if (body === received) return;
    const options = dictionary(init, 'Response');
    if (options.status !== undefined) {
      const status = Math.trunc(Number(options.status));
      if (!(status >= 200 && status <= 599)) throw new RangeError(`Response: the status ${options.status} is not between 200 and 599`);
      this.#status = status;
    }
    if (options.statusText !== undefined) {
      this.#statusText = `${options.statusText}`;
      if (/[^\t\x20-\x7e\x80-\xff]/.test(this.#statusText)) throw new TypeError('Response: the status text holds a character that it cannot carry');
    }
    this.#headers = new Headers(options.headers ?? undefined);
    if (body === null || body === undefined) return;
    if (bodiless.has(this.#status)) throw new TypeError(`Response: status ${this.#status} has no body`);
    const content = bodyOf(body);
    setBody(this, content);
    if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
  }

  static error() {
    const response = new Response();
    response.#type = 'error';
    response.#status = 0;
    freezeHeaders(response.#headers);
    return response;
  }

  static json(data, init = undefined) {
    need(arguments.length, 1, 'Response.json');
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Response.json: the value has no JSON form');
    const { status, statusText, headers } = dictionary(init, 'Response.json');
    const response = new Response(utf8(text.toWellFormed()), { status, statusText, headers });
    if (!response.#headers.has('content-type')) response.#headers.set('content-type', 'application/json');
    return response;
  }

  static redirect(url, status = 302) {
    need(arguments.length, 1, 'Response.redirect');
    const { href } = new URL(usv(url));
    status = Math.trunc(Number(status));
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Response.redirect: ${status} is not a redirect`);
    const response = new Response(null, { status, headers: { location: href } });
    freezeHeaders(response.#headers);
    return response;
  }

  get type() { return this.#type; }
  get url() {
    this.#open();
    return this.#url;
  }
  get redirected() { return this.#redirected; }
  get status() { return this.#status; }
  get ok() { return this.#status >= 200 && this.#status < 300; }
  get statusText() {
    this.#open();
    return this.#statusText;
  }
  get headers() {
    this.#open();
    return this.#headers;
  }

  // open takes in the rest of a head, at which most never look.
  #open() {
    if (this.#head === undefined) return;
    const { statusText, headers, url } = parse(this.#head);
    this.#head = undefined;
    this.#from(statusText, headers, url);
  }
  #from(statusText, headers, url) {
    this.#statusText = statusText ?? '';
    this.#url = url === undefined || !url.includes('#') ? url ?? '' : url.slice(0, url.indexOf('#'));
    this.#headers = headers instanceof Headers ? freezeHeaders(headers) : receivedHeaders(headers);
  }

  clone() {
    this.#open();
    const copy = new Response();
    copyBody(this, copy);
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#headers = new Headers(this.#headers);
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    copy.#type = this.#type;
    if (this.#type !== 'default') freezeHeaders(copy.#headers);
    return copy;
  }

  static received({ status, statusText, headers, url, head, redirected, bytes, stream = null, signal = null }) {
    const response = new Response(received);
    response.#status = status;
    response.#redirected = redirected;
    response.#type = 'basic';
    if (head === undefined) response.#from(statusText, headers, url);
    else response.#head = head;
    if (!bodiless.has(status)) setBody(response, stream === null ? { bytes: bytes ?? new Uint8Array(0), signal } : { stream });
    return response;
  }
}
/**
 * Makes the Response of an answer that came from outside. Its headers are the list that the
 * host gave, or Headers; head is what else there is in place of them, as JSON. A stream is
 * the body in place of bytes.
 */
export const receivedResponse = Response.received;
delete Response.received;
includeBody(Response);
defineInterface(Response, 'Response');
Object.defineProperty(Response.prototype, 'buffer', { enumerable: false });
