// The client half of node:http and node:https, over the platform's broker: a request
// is gathered, asked for as a whole, and its answer read as a stream. No redirect is
// followed, as in Node.js. Agents, sockets and TLS options are accepted and unused.
import { kernel } from '@annex/runtime/kernel';
import { notOfferedClass, notOfferedNow } from '../faults.js';
import { classed } from '../errors.js';
import { concat } from '../web/bytes.js';
import { URL } from '../web/url.js';
import { Buffer } from './buffer.js';
import { bind } from './context.js';
import { Readable, Writable } from './stream.js';

export const METHODS = Object.freeze(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
export const STATUS_CODES = Object.freeze({
  100: 'Continue', 101: 'Switching Protocols', 102: 'Processing', 103: 'Early Hints', 200: 'OK', 201: 'Created', 202: 'Accepted',
  203: 'Non-Authoritative Information', 204: 'No Content', 205: 'Reset Content', 206: 'Partial Content', 207: 'Multi-Status',
  300: 'Multiple Choices', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect',
  400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable',
  407: 'Proxy Authentication Required', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 411: 'Length Required', 412: 'Precondition Failed',
  413: 'Payload Too Large', 414: 'URI Too Long', 415: 'Unsupported Media Type', 416: 'Range Not Satisfiable', 417: 'Expectation Failed', 418: "I'm a Teapot",
  421: 'Misdirected Request', 422: 'Unprocessable Entity', 423: 'Locked', 424: 'Failed Dependency', 425: 'Too Early', 426: 'Upgrade Required',
  428: 'Precondition Required', 429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout', 505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage', 511: 'Network Authentication Required',
});

/** Accepted wherever Node.js takes one; connections are the platform's. */
export class Agent {
  constructor(options = {}) {
    this.options = options;
    this.maxSockets = options.maxSockets ?? Infinity;
    this.requests = {};
    this.sockets = {};
    this.freeSockets = {};
  }
  destroy() {}
  getName() { return ''; }
}

/** The answer of a request. */
export class IncomingMessage extends Readable {
  #body;
  constructor(head, body) {
    super();
    this.#body = body;
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
    this.statusCode = head.status;
    this.statusMessage = head.statusText ?? STATUS_CODES[head.status] ?? '';
    this.url = '';
    this.rawHeaders = head.headers.flat();
    this.rawTrailers = [];
    this.trailers = {};
    this.headers = {};
    this.headersDistinct = {};
    this.complete = false;
    this.aborted = false;
    this.socket = this.connection = socket;
    for (const [name, value] of head.headers) this.#addHeader(name.toLowerCase(), value);
  }
  #addHeader(name, value) {
    (this.headersDistinct[name] ??= []).push(value);
    if (name === 'set-cookie') (this.headers[name] ??= []).push(value);
    else if (!(name in this.headers)) this.headers[name] = value;
    else if (!single.has(name)) this.headers[name] += `, ${value}`;
  }
  _read() {
    if (this.#body?.length) this.push(Buffer.from(this.#body.buffer, this.#body.byteOffset, this.#body.byteLength));
    this.#body = undefined;
    this.complete = true;
    this.push(null);
  }
  setTimeout() { return this; }
}
const single = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host', 'last-modified', 'location', 'max-forwards', 'referer', 'retry-after', 'server', 'user-agent']);
const quiet = () => socket;
const socket = { encrypted: true, authorized: true, remoteAddress: undefined, destroyed: false, writable: true, setKeepAlive: quiet, setNoDelay: quiet, setTimeout: quiet, ref: quiet, unref: quiet, on: quiet, once: quiet, off: quiet, removeListener: quiet, addListener: quiet, prependListener: quiet, removeAllListeners: quiet, cork: quiet, uncork: quiet, pause: quiet, resume: quiet, destroy: quiet, end: quiet };

/** A request on its way. */
export class ClientRequest extends Writable {
  #url;
  #headers = new Map(); // lower-case name → [name, value or values]
  #parts = [];
  #timer;

  constructor(protocol, input, options, onResponse) {
    super({ autoDestroy: false }); // it ends with its answer, not with its body
    if (typeof input === 'string' || input instanceof URL) input = fromURL(new URL(String(input)));
    else [options, onResponse] = [undefined, typeof options === 'function' ? options : onResponse];
    if (typeof options === 'function') [options, onResponse] = [undefined, options];
    const o = { ...input, ...options };
    this.protocol = o.protocol ?? protocol;
    this.method = String(o.method ?? 'GET').toUpperCase();
    this.path = o.path ?? '/';
    this.host = o.hostname ?? o.host ?? 'localhost';
    this.agent = o.agent;
    this.reusedSocket = false;
    this.aborted = false;
    if (/[^\x21-\xff]/.test(this.path)) throw Object.assign(new TypeError('Request path contains unescaped characters'), { code: 'ERR_UNESCAPED_CHARACTERS' });
    const port = o.port ? `:${o.port}` : '';
    const host = this.host.includes(':') && !this.host.startsWith('[') && !/:\d+$/.test(this.host) ? `[${this.host}]` : this.host;
    this.#url = `${this.protocol}//${host}${port}${this.path}`;
    const given = Array.isArray(o.headers) ? pairs(o.headers) : Object.entries(o.headers ?? {});
    for (const [name, value] of given) this.setHeader(name, value);
    if (o.auth && !this.hasHeader('authorization')) this.setHeader('Authorization', `Basic ${Buffer.from(o.auth).toString('base64')}`);
    if (onResponse) this.once('response', onResponse);
    if (o.timeout) this.setTimeout(o.timeout);
    o.signal?.addEventListener('abort', () => this.destroy(o.signal.reason), { once: true });
    if (o.signal?.aborted) this.destroy(o.signal.reason);
    queueMicrotask(() => this.emit('socket', socket));
  }

  setHeader(name, value) {
    if (value === undefined) throw Object.assign(new TypeError(`Invalid value "undefined" for header "${name}"`), { code: 'ERR_HTTP_INVALID_HEADER_VALUE' });
    this.#headers.set(String(name).toLowerCase(), [String(name), value]);
    return this;
  }
  getHeader(name) { return this.#headers.get(String(name).toLowerCase())?.[1]; }
  getHeaders() { return Object.fromEntries([...this.#headers].map(([n, [, v]]) => [n, v])); }
  getHeaderNames() { return [...this.#headers.keys()]; }
  hasHeader(name) { return this.#headers.has(String(name).toLowerCase()); }
  removeHeader(name) { this.#headers.delete(String(name).toLowerCase()); }
  flushHeaders() {}
  setNoDelay() {}
  setSocketKeepAlive() {}
  get headersSent() { return this.writableFinished; }
  get socket() { return socket; }
  get connection() { return socket; }

  setTimeout(ms, listener) {
    if (listener) this.once('timeout', listener);
    if (this.#timer !== undefined) kernel.clearTimer(this.#timer);
    this.#timer = ms > 0 ? kernel.setTimer(() => this.emit('timeout'), ms) : undefined;
    return this;
  }
  abort() {
    if (this.aborted) return;
    this.aborted = true;
    this.emit('abort');
    this.destroy(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
  }

  _write(chunk, encoding, done) {
    this.#parts.push(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength).slice());
    done();
  }
  _final(done) {
    done();
    this.#send();
  }
  _destroy(err, done) {
    if (this.#timer !== undefined) kernel.clearTimer(this.#timer);
    done(err);
  }

  #inContext = bind((fn) => fn()); // of the code that made the request

  async #send() {
    const body = this.#parts.length ? concat(this.#parts) : undefined;
    const headers = [...this.#headers.values()].flatMap(([n, v]) => (Array.isArray(v) ? v.map((each) => [n, String(each)]) : [[n, String(v)]]))
      .filter(([n]) => !/^(content-length|transfer-encoding|connection|host|keep-alive|expect)$/i.test(n));
    let answer;
    try {
      const { head, body: bytes } = await kernel.call('fetch', { url: this.#url, method: this.method, headers, hasBody: body !== undefined }, body);
      if (this.destroyed) return;
      answer = this.#inContext(() => new IncomingMessage(head, bytes));
    } catch (err) {
      this.#inContext(() => this.destroy(classed(err)));
      return;
    }
    if (this.#timer !== undefined) kernel.clearTimer(this.#timer);
    this.res = answer;
    answer.req = this;
    answer.once('end', () => this.emit('close'));
    this.#inContext(() => {
      if (!this.emit('response', answer)) answer.resume();
    });
  }
}

function fromURL(url) {
  return {
    protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname + url.search,
    ...((url.username || url.password) && { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` }),
  };
}

function pairs(flat) {
  if (Array.isArray(flat[0])) return flat;
  const out = [];
  for (let i = 0; i + 1 < flat.length; i += 2) out.push([flat[i], flat[i + 1]]);
  return out;
}

/** The module of one protocol. */
export function client(protocol) {
  const request = (input, options, onResponse) => new ClientRequest(protocol, input, options, onResponse);
  const get = (input, options, onResponse) => {
    const req = request(input, options, onResponse);
    req.end();
    return req;
  };
  const globalAgent = new Agent();
  globalAgent.protocol = protocol;
  const name = protocol.slice(0, -1);
  const createServer = notOfferedNow(`${name}.createServer`);
  const Server = notOfferedClass(`${name}.Server`);
  const ServerResponse = notOfferedClass(`${name}.ServerResponse`);
  return { ServerResponse, request, get, Agent, globalAgent, ClientRequest, IncomingMessage, METHODS, STATUS_CODES, createServer, Server, maxHeaderSize: 16384 };
}
