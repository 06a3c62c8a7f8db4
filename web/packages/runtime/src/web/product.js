// Requests to products over the host's gate: like fetch, but the path is a product's and
// the credential the platform's.
import { kernel } from '@annex/runtime/kernel';
import { classed } from '../errors.js';
import { onAbort } from './abort.js';
import { giveBody, takeBody } from './body.js';
import { bytesIn } from './bytes.js';
import { Headers, wireHeaders } from './headers.js';
import { maxRedirects } from './http.js';
import { outgoing, Request } from './request.js';
import { receivedResponse } from './response.js';
import { giveUp, restOf } from './rest.js';
import { isLong, piecesOf, sendPieces } from './sending.js';
import { ReadableStream } from './stream.js';
import { dictionary } from './webidl.js';

const { parse } = JSON;
const { encodeURI } = globalThis;
const redirects = new Set([301, 302, 303, 307, 308]);
const textType = 'application/json'; // of a body that is a text, unless it is said

/**
 * Who asks a product, and as whom.
 * @param {string} product a key or an alias, '' for the installation's own
 * @param {'app' | 'user'} as
 * @param {string} [accountId]
 */
export function asker(product, as, accountId = undefined) {
  // What the host is told of a request that says nothing, up to its path.
  const opening = accountId === undefined && plainKey.test(product) ? `{"product":"${product}","as":"${as}","path":"` : undefined;
  return { product, as, accountId, opening };
}

/**
 * Asks a product. What the installation was not granted is answered with a real 403,
 * whose body names code, rule and what would allow it.
 *
 * Rejects with NEEDS_AUTHENTICATION_ERR (401) when the user has not agreed, with
 * PRODUCT_NOT_INSTALLED (403) where the app is not installed, with LIMIT_… and
 * PRODUCT_UNAVAILABLE. Throws for what is no request.
 *
 * @param {{product: string, as: 'app' | 'user', accountId?: string, graph?: boolean} | {remote: string}} who from asker, or a remote
 * @param {string} path below the product's API, with query
 * @param {RequestInit} [init]
 * @param {Function} [above] below which the frames of an error begin
 * @returns {Promise<Response>}
 */
export function askProduct(who, path, init = undefined, above = askProduct) {
  if (!isPlain(path)) path = encoded(path);
  if (init === undefined || init === null) return ask(who, path, nothing, 0, above); // as most do
  const options = dictionary(init, 'requestProduct');
  if (options.signal !== undefined && options.signal !== null) return askUntil(who, path, options);
  const { method, headers, body, redirect } = outgoing(options, 'requestProduct', textType, goesInPieces(who));
  if (!(body instanceof Promise)) return ask(who, path, { method, headers, body, redirect, signal: null }, 0, above);
  return body.then((bytes) => ask(who, path, { method, headers, body: bytes, redirect, signal: null }, 0, above));
}

// nothing is what a request says besides its path when it says nothing.
const nothing = Object.freeze({ method: 'GET', headers: undefined, body: undefined, redirect: 'follow', signal: null });

// What is asked of a product, and not of its GraphQL or a remote, may have a body that goes
// while the app makes it.
const goesInPieces = (who) => who.product !== undefined && !who.graph;

// askUntil is askProduct with a signal, which gives up waiting.
async function askUntil(who, path, options) {
  // A Request takes init in as fetch does; its address is made up and never asked.
  const whole = new Request('https://product.invalid/', options);
  if (typeof options.body === 'string' && !new Headers(options.headers ?? undefined).has('content-type')) whole.headers.set('content-type', textType);
  whole.signal.throwIfAborted();
  const { method, headers, redirect, signal } = whole;
  const body = goesInPieces(who) ? giveBody(whole) : await takeBody(whole);
  return new Promise((resolve, reject) => {
    const done = onAbort(signal, reject);
    ask(who, path, { method, headers, body, redirect, signal }, 0, askUntil).then(resolve, reject).finally(done);
  });
}

// ask asks once. The answer is taken in as soon as it is there, and of its head no more than
// is needed: promises and parsing would cost more than the rest.
function ask(who, path, said, hops, above) {
  const { signal, body: sent } = said;
  const call = who.product === undefined ? 'remote.request' : who.graph ? 'product.graph' : 'product.request';
  signal?.throwIfAborted();
  const along = [call, who, path, said, hops, above];
  if (call !== 'product.request' || !isLong(sent)) return kernel.ask(above, call, headOf(who, path, said), sent, true, answered, classed, along);
  const asked = (method, head, body) => kernel.ask(above, method, head, body, true, (head, body) => ({ head, body }), classed);
  return sendPieces(piecesOf(sent), signal, asked, () => headOf(who, path, said)).then(({ head, body }) => answered(head, body, along));
}

// answered makes the Response of an answer, or asks where it says that the product is.
function answered(head, body, asked) {
  const said = asked[3];
  const hops = asked[4];
  const status = statusOf(head);
  const long = head.startsWith(more, first.length + 3);
  if (status < 300 && !long) return receivedResponse(status, head, hops > 0, body, null, said.signal);
  const call = asked[0];
  const path = asked[2];
  const rests = call === 'remote.request' ? 'fetch.body' : 'product.body';
  const next = redirects.has(status) && call !== 'remote.request' ? redirected(path, said, parse(head), hops) : undefined; // a remote's is the app's own to follow
  const rest = long ? parse(head).body : undefined;
  if (next === undefined) {
    return receivedResponse(status, head, hops > 0, body, rest === undefined ? null : restOf(rests, bytesIn(body), rest, said.signal), said.signal);
  }
  if (rest !== undefined) giveUp(rests, rest);
  return ask(asked[1], next.path, next.said, hops + 1, asked[5]);
}

const first = '{"status":';
const more = ',"body":'; // behind the status, where the body has more than came with the head
const statusOf = (head) => (head.startsWith(first) ? Number(head.slice(first.length, first.length + 3)) : parse(head).status);

const plainKey = /^[a-z0-9-]*$/;

// headOf is what the host is told of a request. One that says nothing comes from askProduct,
// where its path was looked at: it is written down as it is. A redirect's path is the product's.
function headOf(who, path, said) {
  const { product, as, accountId } = who;
  const { method, headers } = said;
  if (product === undefined) return kernel.stringify({ remote: who.remote, plain: who.plain, resolver: who.resolver, path, pieces: true, method, headers: headers === undefined ? [] : wireHeaders(headers) });
  if (said === nothing && who.opening !== undefined) return `${who.opening}${path}","pieces":true,"method":"GET","headers":[]}`;
  return kernel.stringify({ product, as, accountId, path, pieces: true, method, headers: headers === undefined ? [] : wireHeaders(headers) });
}

// redirected is the request that an answer asks for in place of this one. The host gives
// places on the product as paths; each is a request of its own.
function redirected(path, said, head, hops) {
  let { method, headers, body } = said;
  if (said.redirect === 'manual') return undefined;
  const location = head.headers.find(([n]) => n.toLowerCase() === 'location')?.[1];
  if (!location?.startsWith('/')) return undefined;
  if (said.redirect === 'error') throw new TypeError(`the product answered ${path} with a redirect, which this request does not allow`);
  if (hops === maxRedirects) throw new TypeError(`${path} was redirected more than ${maxRedirects} times`);
  if (head.status === 303 ? method !== 'HEAD' : method === 'POST' && head.status < 303) {
    method = 'GET';
    body = undefined;
    headers = new Headers(headers);
    for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']) headers.delete(name);
  }
  if (body instanceof ReadableStream) throw new TypeError(`${path} was redirected, and a body that is a stream cannot be sent again`);
  return { path: location, said: { ...said, method, headers, body } };
}

// isPlain says that encoded would leave a path as it is; of some others it says that it may not.
function isPlain(path) {
  try {
    return encodeURI(path) === path && !path.includes('#');
  } catch {
    return false; // it is not well formed
  }
}

// encoded writes what a URL cannot hold as it is; what is encoded already stays, and the
// fragment is nobody's business.
function encoded(path) {
  return path.replace(/#.*$/s, '').replace(/[^\x21-\x7e]|["<>`{}|\\^]|%(?![0-9a-fA-F]{2})/gu, (c) => encodeURIComponent(c.toWellFormed()));
}
