// Requests to products over the host's gate: like fetch, but the path is a product's and
// the credential the platform's.
import { kernel } from '@annex/runtime/kernel';
import { classed } from '../errors.js';
import { onAbort } from './abort.js';
import { takeBody } from './body.js';
import { Headers, wireHeaders } from './headers.js';
import { maxRedirects } from './http.js';
import { outgoing, Request } from './request.js';
import { receivedResponse } from './response.js';
import { dictionary } from './webidl.js';

const redirects = new Set([301, 302, 303, 307, 308]);
const textType = 'application/json'; // of a body that is a text, unless it is said

/**
 * Asks a product. What the installation was not granted is answered with a real 403,
 * whose body names code, rule and what would allow it.
 *
 * Rejects with NEEDS_AUTHENTICATION_ERR (401) when the user has not agreed, with
 * PRODUCT_NOT_INSTALLED (403) where the app is not installed, with LIMIT_… and
 * PRODUCT_UNAVAILABLE. Throws for what is no request.
 *
 * @param {{product: string, as: 'app' | 'user', accountId?: string, graph?: boolean}} who product is a key or an alias, '' for the installation's own
 * @param {string} path below the product's API, with query
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export function askProduct(who, path, init = undefined) {
  const options = dictionary(init, 'requestProduct');
  path = encoded(path);
  if (options.signal !== undefined && options.signal !== null) return askUntil(who, path, options);
  const { method, headers, body, redirect } = outgoing(options, 'requestProduct', textType);
  return follow({ who, path, method, headers, body, redirect, signal: null });
}

// askUntil is askProduct with a signal, which gives up waiting.
async function askUntil(who, path, options) {
  // A Request takes init in as fetch does; its address is made up and never asked.
  const whole = new Request('https://product.invalid/', options);
  if (typeof options.body === 'string' && !new Headers(options.headers ?? undefined).has('content-type')) whole.headers.set('content-type', textType);
  whole.signal.throwIfAborted();
  const { method, headers, redirect, signal } = whole;
  const request = { who, path, method, headers, body: await takeBody(whole), redirect, signal };
  return new Promise((resolve, reject) => {
    const done = onAbort(signal, reject);
    follow(request).then(resolve, reject).finally(done);
  });
}

async function follow({ who, path, method, headers, body, redirect, signal }) {
  if (body !== undefined) body = await body;
  const { product, as, accountId, graph, remote, plain, resolver } = who;
  const named = remote === undefined && !resolver ? { product, as, accountId } : { remote, plain, resolver };
  const call = named.product === undefined ? 'remote.request' : graph ? 'product.graph' : 'product.request';
  for (let hops = 0; ; hops++) {
    signal?.throwIfAborted();
    let reply;
    try {
      reply = await kernel.call(call, { ...named, path, method, headers: wireHeaders(headers) }, body);
    } catch (err) {
      throw classed(err);
    }
    const { head } = reply;
    // The host gives places on the product as paths; each is a request of its own.
    const location = redirects.has(head.status) ? head.headers.find(([n]) => n.toLowerCase() === 'location')?.[1] : undefined;
    if (!location?.startsWith('/') || redirect === 'manual' || call === 'remote.request') { // a remote's is the app's own to follow
      return receivedResponse({ status: head.status, statusText: head.statusText, headers: head.headers, url: head.url, redirected: hops > 0, bytes: reply.body, signal });
    }
    if (redirect === 'error') throw new TypeError(`the product answered ${path} with a redirect, which this request does not allow`);
    if (hops === maxRedirects) throw new TypeError(`${path} was redirected more than ${maxRedirects} times`);
    if (head.status === 303 ? method !== 'HEAD' : method === 'POST' && head.status < 303) {
      method = 'GET';
      body = undefined;
      headers = new Headers(headers);
      for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']) headers.delete(name);
    }
    path = location;
  }
}

const plain = /^[\x21$&-;=?-Z_a-z~[\]]*$/; // what encoded leaves as it is, without escapes

// encoded writes what a URL cannot hold as it is; what is encoded already stays, and the
// fragment is nobody's business.
function encoded(path) {
  if (plain.test(path)) return path;
  return path.replace(/#.*$/s, '').replace(/[^\x21-\x7e]|["<>`{}|\\^]|%(?![0-9a-f]{2})/giu, (c) => encodeURIComponent(c.toWellFormed()));
}
