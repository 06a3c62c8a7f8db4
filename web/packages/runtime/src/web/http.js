// fetch over the host's broker. The host follows no redirect: each hop is asked for
// again, so that each is decided on its own.
import { kernel } from '@annex/runtime/kernel';
import { classed } from '../errors.js';
import { onAbort } from './abort.js';
import { blobOfURL, bytesOfBlob } from './blob.js';
import { takeBody } from './body.js';
import { readDataURL } from './data.js';
import { Headers, wireHeaders } from './headers.js';
import { blobOfRequest, isRequest, outgoing, Request } from './request.js';
import { receivedResponse } from './response.js';
import { URL } from './url.js';
import { dictionary, need } from './webidl.js';

export const maxRedirects = 20;
const redirects = new Set([301, 302, 303, 307, 308]);
const credentials = ['authorization', 'proxy-authorization', 'cookie', 'host'];

/**
 * Fetches a URL through the platform's broker.
 *
 * Limits: 20 redirects, 5 MB of request body, what the installation was granted.
 * Rejects with an error whose `code` is `REQUEST_EGRESS_ALLOWLIST_ERR` (status 403)
 * when the destination is not granted, with the signal's reason when aborted, with a
 * TypeError when the request is malformed or could not be made.
 *
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function fetch(input, init = undefined) {
  need(arguments.length, 1, 'fetch');
  const options = dictionary(init, 'fetch');
  if (isRequest(input) || (options.signal !== undefined && options.signal !== null)) {
    const whole = new Request(input, options);
    whole.signal.throwIfAborted();
    const { url, method, headers, redirect, signal } = whole;
    const body = await takeBody(whole);
    return abortable({ url, method, headers, body, redirect, signal, blob: blobOfRequest(whole) }, signal);
  }
  return follow(await prepare(input, options));
}

async function prepare(input, init) {
  const url = typeof input === 'string' ? input : String(input?.href ?? input);
  // The host parses the URL, twice, and decides; here only what could never be one is refused.
  if (!/^\s*(https?|data|blob):/i.test(url)) throw new TypeError(`fetch: ${JSON.stringify(url)} is not an absolute http(s) URL`);
  const request = outgoing(init, 'fetch');
  if (request.body !== undefined) request.body = await request.body;
  return { ...request, url, signal: null, blob: /^\s*blob:/i.test(url) ? blobOfURL(new URL(url).href) : undefined };
}

// local answers a URL that names its own content.
function local({ url, method, headers, blob, signal }) {
  const parsed = new URL(url);
  const isBlob = parsed.protocol === 'blob:';
  if (isBlob && method !== 'GET') throw failed(`${method} cannot be done with a Blob`);
  const content = isBlob ? blob && { type: blob.type, bytes: bytesOfBlob(blob) } : readDataURL(parsed);
  if (!content) throw failed(isBlob ? 'the URL names no Blob of this call' : 'the data: URL is malformed');
  const answer = [['content-type', content.type]];
  if (isBlob) {
    answer.unshift(['content-length', String(content.bytes.length)]);
    const range = headers.get('range');
    if (range !== null) return partOf(content, range, parsed.href);
  }
  return receivedResponse(200, { statusText: 'OK', headers: new Headers(answer), url: parsed.href }, false, method === 'HEAD' ? new Uint8Array(0) : content.bytes, null, signal);
}

// partOf answers a request for a range of a Blob.
function partOf({ type, bytes }, range, url) {
  const [, first = '', last = ''] = /^bytes=[\t ]*(\d*)[\t ]*-[\t ]*(\d*)[\t ]*$/i.exec(range) ?? [];
  const size = bytes.length;
  const from = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if ((first === '' && last === '') || from > to || from >= size) throw failed(`${range} is no range of the Blob`);
  const part = bytes.slice(from, to + 1);
  const headers = [['content-length', String(part.length)], ['content-range', `bytes ${from}-${to}/${size}`], ['content-type', type]];
  return receivedResponse(206, { statusText: 'Partial Content', headers: new Headers(headers), url }, false, part);
}

async function follow(request) {
  let { url, method, headers, body, redirect, signal } = request;
  if (/^\s*(data|blob):/i.test(url)) return local(request);
  for (let hops = 0; ; hops++) {
    signal?.throwIfAborted();
    const { head, body: bytes } = await ask({ url, method, headers: wireHeaders(headers), hasBody: body !== undefined }, body);
    head.url ??= url;
    const location = redirects.has(head.status) ? head.headers.find(([n]) => n.toLowerCase() === 'location')?.[1] : undefined;
    if (location === undefined || redirect === 'manual') return receivedResponse(head.status, head, hops > 0, bytes, null, signal);
    if (redirect === 'error') throw failed(`${url} answered with a redirect, which this request does not allow`);
    if (hops === maxRedirects) throw failed(`${url} was redirected more than ${maxRedirects} times`);
    const next = nextURL(location, head.url);
    if (head.status === 303 ? method !== 'GET' && method !== 'HEAD' : method === 'POST' && head.status < 303) {
      method = 'GET';
      body = undefined;
      headers = without(headers, ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']);
    }
    if (next.origin !== new URL(head.url).origin) headers = without(headers, credentials);
    url = next.href;
  }
}

async function ask(head, body) {
  try {
    return await kernel.call('fetch', head, body);
  } catch (err) {
    throw classed(err);
  }
}

function nextURL(location, base) {
  let next;
  try {
    next = new URL(location, base);
  } catch {
    throw failed(`the redirect of ${base} to ${JSON.stringify(location)} is not a URL`);
  }
  if (next.protocol !== 'https:' && next.protocol !== 'http:') throw failed(`the redirect of ${base} to ${next.protocol} is not followed`);
  if (!next.hash) next.hash = new URL(base).hash;
  return next;
}

function without(headers, names) {
  const rest = new Headers(headers);
  for (const name of names) rest.delete(name);
  return rest;
}

function failed(why) {
  return new TypeError(`fetch failed: ${why}`);
}

// abortable gives up waiting when the signal says so; a hop already asked for may
// still be made by the host.
function abortable(request, signal) {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const done = onAbort(signal, reject);
    follow(request).then(resolve, reject).finally(done);
  });
}
