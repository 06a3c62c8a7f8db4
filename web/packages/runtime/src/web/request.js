// Request of the fetch standard. What only a browser could act on (mode, cache,
// credentials …) is checked, kept as it was given and does nothing.
import { AbortController, AbortSignal } from './abort.js';
import { blobOfURL } from './blob.js';
import { Body, bodyOf, copyBody, hasBody, includeBody, moveBody, setBody } from './body.js';
import { concat } from './bytes.js';
import { Headers } from './headers.js';
import { drain } from './stream.js';
import { URL } from './url.js';
import { defineInterface, dictionary, need, oneOf, usv } from './webidl.js';

const forbidden = new Set(['CONNECT', 'TRACE', 'TRACK']);
const normal = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** @throws {TypeError} for a method that is malformed or never sent */
export function methodOf(method = 'GET') {
  if (normal.has(method)) return method;
  method = `${method}`;
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`${JSON.stringify(method)} is not an HTTP method`);
  const upper = method.toUpperCase();
  if (forbidden.has(upper)) throw new TypeError(`${method} requests cannot be made`);
  return normal.has(upper) ? upper : method;
}

const words = {
  mode: ['cors', 'no-cors', 'same-origin', 'navigate'],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  credentials: ['same-origin', 'omit', 'include'],
  referrerPolicy: ['', 'no-referrer', 'no-referrer-when-downgrade', 'same-origin', 'origin', 'strict-origin', 'origin-when-cross-origin', 'strict-origin-when-cross-origin', 'unsafe-url'],
  priority: ['auto', 'high', 'low'],
  duplex: ['half'],
};

const worded = Object.keys(words);

/** Checks the members of RequestInit that only a browser acts on. */
export function checkInit(init) {
  for (const key of worded) if (init[key] !== undefined) oneOf(words[key], init[key], `Request: ${key}`);
  if (init.mode === 'navigate') throw new TypeError('Request: mode "navigate" is not for programs');
  if (init.window !== undefined && init.window !== null) throw new TypeError('Request: window can only be null');
}

export function redirectOf(redirect = 'follow') { return oneOf(['follow', 'error', 'manual'], redirect, 'Request: redirect'); }

/**
 * What leaves of a RequestInit that has no signal: a Request costs more than all else of a
 * call. A body that is a stream comes as a promise of its bytes, unless it may stay one.
 *
 * @param {RequestInit} init
 * @param {string} what errors call it
 * @param {string} [typeOfText] the content type of a body that is a text
 * @param {boolean} [streams] whether a body may stay a stream
 * @returns {{method: string, headers: Headers, body?: Uint8Array | Promise<Uint8Array> | ReadableStream, redirect: string}}
 */
export function outgoing(init, what, typeOfText = undefined, streams = false) {
  checkInit(init);
  const out = { method: methodOf(init.method), headers: new Headers(init.headers ?? undefined), body: undefined, redirect: redirectOf(init.redirect) };
  if (init.body === undefined || init.body === null) return out;
  if (out.method === 'GET' || out.method === 'HEAD') throw new TypeError(`${what}: a ${out.method} request cannot have a body`);
  const content = bodyOf(init.body);
  const type = typeof init.body === 'string' ? typeOfText ?? content.type : content.type;
  if (type && !out.headers.has('content-type')) out.headers.set('content-type', type);
  out.body = content.bytes ?? (streams ? content.stream : undefined) ?? drain(content.stream).then((parts) => concat([new Uint8Array(0), ...parts]));
  return out;
}

/** A signal that follows the given one, which may also come from a library. */
function followed(signal) {
  if (signal instanceof AbortSignal) return AbortSignal.any([signal]);
  if (typeof signal !== 'object' || typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw new TypeError('Request: signal is no AbortSignal');
  }
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}

export class Request {
  #method;
  #url;
  #headers;
  #redirect;
  #signal;
  #mode;
  #cache;
  #credentials;
  #integrity;
  #keepalive;
  #referrer;
  #referrerPolicy;
  #blob; // that a blob: URL named when the request was made

  constructor(input, init = undefined) {
    need(arguments.length, 1, 'Request');
    new Body(this);
    const options = dictionary(init, 'Request');
    const from = typeof input === 'object' && input !== null && #url in input ? input : null;
    this.#url = from ? from.#url : absolute(input);
    this.#blob = from ? from.#blob : this.#url.startsWith('blob:') ? blobOfURL(this.#url) : undefined;
    checkInit(options);
    this.#method = options.method === undefined && from ? from.#method : methodOf(options.method);
    this.#redirect = redirectOf(options.redirect ?? from?.#redirect);
    this.#mode = options.mode ?? from?.#mode ?? 'cors';
    this.#cache = options.cache ?? from?.#cache ?? 'default';
    if (this.#cache === 'only-if-cached' && this.#mode !== 'same-origin') throw new TypeError('Request: cache "only-if-cached" needs mode "same-origin"');
    this.#credentials = options.credentials ?? from?.#credentials ?? 'same-origin';
    this.#integrity = options.integrity === undefined ? from?.#integrity ?? '' : `${options.integrity}`;
    this.#keepalive = options.keepalive === undefined ? from?.#keepalive ?? false : Boolean(options.keepalive);
    this.#referrer = options.referrer === undefined ? from?.#referrer ?? 'about:client' : referrerOf(options.referrer);
    this.#referrerPolicy = options.referrerPolicy ?? from?.#referrerPolicy ?? '';
    const signal = options.signal === undefined ? from?.#signal : options.signal;
    this.#signal = signal === undefined || signal === null ? null : followed(signal);
    this.#headers = new Headers(options.headers ?? from?.#headers);

    const given = options.body !== undefined && options.body !== null;
    const inherited = !given && from !== null && hasBody(from);
    if ((given || inherited) && (this.#method === 'GET' || this.#method === 'HEAD')) throw new TypeError(`Request: a ${this.#method} request cannot have a body`);
    if (given) {
      const content = bodyOf(options.body);
      if (content.stream && this.#keepalive) throw new TypeError('Request: a stream cannot be kept alive');
      setBody(this, content.bytes, content.stream);
      if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
    } else if (inherited) {
      moveBody(from, this);
    }
  }

  get method() { return this.#method; }
  get url() { return this.#url; }
  get headers() { return this.#headers; }
  get destination() {
    void this.#url;
    return '';
  }
  get referrer() { return this.#referrer; }
  get referrerPolicy() { return this.#referrerPolicy; }
  get mode() { return this.#mode; }
  get credentials() { return this.#credentials; }
  get cache() { return this.#cache; }
  get redirect() { return this.#redirect; }
  get integrity() { return this.#integrity; }
  get keepalive() { return this.#keepalive; }
  get isReloadNavigation() {
    void this.#url;
    return false;
  }
  get isHistoryNavigation() {
    void this.#url;
    return false;
  }
  get signal() { return (this.#signal ??= new AbortController().signal); }
  get duplex() {
    void this.#url;
    return 'half';
  }

  clone() {
    if (this.bodyUsed || this.body?.locked) throw new TypeError('clone: the body has already been read');
    const copy = new Request(this.#url, this.#plain());
    copy.#blob = this.#blob;
    copyBody(this, copy);
    return copy;
  }

  #plain() {
    const { headers, signal, redirect, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy } = this;
    return { method: this.#method, headers, signal, redirect, mode, cache, credentials, integrity, keepalive, referrer, referrerPolicy };
  }

  static blob(request) { return request.#blob; }
  static is(value) { return typeof value === 'object' && value !== null && #url in value; }
}
/** Whether a value is a Request. */
export const isRequest = Request.is;
/** The Blob that a request's blob: URL named when it was made. */
export const blobOfRequest = Request.blob;
delete Request.is;
delete Request.blob;
includeBody(Request);
defineInterface(Request, 'Request', { length: 1 });
Object.defineProperty(Request.prototype, 'buffer', { enumerable: false });

function referrerOf(referrer) {
  referrer = usv(referrer);
  if (referrer === '' || referrer === 'about:client') return referrer;
  return new URL(referrer).href;
}

/** @throws {TypeError} if the URL is relative or malformed, or holds a user name */
function absolute(input) {
  const url = new URL(usv(input));
  if (url.username || url.password) throw new TypeError('a URL with a user name or password cannot be fetched');
  return url.href;
}
