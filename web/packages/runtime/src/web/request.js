// Request of the fetch standard, without the browser's members (mode, cache,
// credentials …), which are kept as they were given and do nothing.
import { AbortController } from './abort.js';
import { Body, bodyOf, copyBody, setBody } from './body.js';
import { Headers } from './headers.js';
import { URL } from './url.js';

const forbidden = new Set(['CONNECT', 'TRACE', 'TRACK']);
const normal = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** @throws {TypeError} for a method that is malformed or never sent */
export function methodOf(method = 'GET') {
  method = String(method);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`${JSON.stringify(method)} is not an HTTP method`);
  const upper = method.toUpperCase();
  if (forbidden.has(upper)) throw new TypeError(`${method} requests cannot be made`);
  return normal.has(upper) ? upper : method;
}

export class Request extends Body {
  #method;
  #url;
  #headers;
  #redirect;
  #signal;

  constructor(input, init = {}) {
    super();
    init ??= {};
    const from = input instanceof Request ? input : null;
    this.#url = from ? from.#url : absolute(input);
    this.#method = methodOf(init.method ?? from?.method);
    this.#headers = new Headers(init.headers ?? from?.headers);
    this.#redirect = redirectOf(init.redirect ?? from?.redirect);
    this.#signal = init.signal === undefined ? from?.signal : init.signal;
    this.mode = init.mode ?? from?.mode ?? 'cors';
    this.cache = init.cache ?? from?.cache ?? 'default';
    this.credentials = init.credentials ?? from?.credentials ?? 'same-origin';
    this.integrity = init.integrity ?? from?.integrity ?? '';
    this.keepalive = Boolean(init.keepalive ?? from?.keepalive);
    this.referrer = init.referrer ?? from?.referrer ?? 'about:client';
    this.referrerPolicy = init.referrerPolicy ?? from?.referrerPolicy ?? '';
    this.duplex = 'half';
    if (init.body !== undefined && init.body !== null) {
      if (this.#method === 'GET' || this.#method === 'HEAD') throw new TypeError(`Request: a ${this.#method} request cannot have a body`);
      const content = bodyOf(init.body);
      setBody(this, content);
      if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
    } else if (from && init.body !== null) {
      copyBody(from, this);
    }
  }

  get method() { return this.#method; }
  get url() { return this.#url; }
  get headers() { return this.#headers; }
  get redirect() { return this.#redirect; }
  get signal() { return (this.#signal ??= new AbortController().signal); }
  get destination() { return ''; }
  get [Symbol.toStringTag]() { return 'Request'; }

  clone() { return new Request(this); }
}

export function redirectOf(redirect = 'follow') {
  if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
    throw new TypeError(`redirect is "follow", "manual" or "error", not ${JSON.stringify(redirect)}`);
  }
  return redirect;
}

/** @throws {TypeError} if the URL is relative or malformed, or holds a user name */
function absolute(input) {
  const url = new URL(String(input));
  if (url.username || url.password) throw new TypeError('a URL with a user name or password cannot be fetched');
  return url.href;
}
