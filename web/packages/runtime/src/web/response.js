// Response of the fetch standard.
import { Body, bodyOf, copyBody, setBody } from './body.js';
import { Headers } from './headers.js';
import { utf8 } from './bytes.js';
import { URL } from './url.js';

const bodiless = new Set([101, 103, 204, 205, 304]);

export class Response extends Body {
  #status = 200;
  #statusText = '';
  #headers;
  #url = '';
  #redirected = false;
  #type = 'default';

  constructor(body = null, init = {}) {
    super();
    init ??= {};
    if (init.status !== undefined) {
      const status = Number(init.status);
      if (!(status >= 200 && status <= 599)) throw new RangeError(`Response: the status ${init.status} is not between 200 and 599`);
      this.#status = Math.trunc(status);
    }
    if (init.statusText !== undefined) this.#statusText = String(init.statusText);
    this.#headers = new Headers(init.headers ?? undefined);
    if (body === null || body === undefined) return;
    if (bodiless.has(this.#status)) throw new TypeError(`Response: status ${this.#status} has no body`);
    const content = bodyOf(body);
    setBody(this, content);
    if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
  }

  get status() { return this.#status; }
  get ok() { return this.#status >= 200 && this.#status < 300; }
  get statusText() { return this.#statusText; }
  get headers() { return this.#headers; }
  get url() { return this.#url; }
  get redirected() { return this.#redirected; }
  get type() { return this.#type; }
  get [Symbol.toStringTag]() { return 'Response'; }

  clone() {
    const copy = new Response();
    copyBody(this, copy);
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#headers = new Headers(this.#headers);
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    copy.#type = this.#type;
    return copy;
  }

  static error() {
    const response = new Response();
    response.#type = 'error';
    response.#status = 0;
    return response;
  }

  static json(data, init = {}) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Response.json: the value has no JSON form');
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(utf8(text), { ...init, headers });
  }

  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Response.redirect: ${status} is not a redirect`);
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }

  static received({ status, statusText, headers, url, redirected, bytes }) {
    const response = new Response(null, { headers });
    response.#status = status;
    response.#statusText = statusText ?? '';
    response.#url = url ?? '';
    response.#redirected = redirected;
    response.#type = 'basic';
    if (!bodiless.has(status)) setBody(response, { bytes: bytes ?? new Uint8Array(0) });
    return response;
  }
}
/** Makes the Response of an answer that came from outside. */
export const receivedResponse = Response.received;
delete Response.received;
