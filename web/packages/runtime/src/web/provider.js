// Requests to external services with an account of the user's, over the host's vault: the
// credential is put in there, and never comes here.
import { kernel } from '@annex/runtime/kernel';
import { classed } from '../errors.js';
import { onAbort } from './abort.js';
import { takeBody } from './body.js';
import { Headers, wireHeaders } from './headers.js';
import { maxRedirects } from './http.js';
import { outgoing, Request } from './request.js';
import { receivedResponse } from './response.js';
import { giveUp, restOf } from './rest.js';
import { URL } from './url.js';
import { dictionary } from './webidl.js';

const redirects = new Set([301, 302, 303, 307, 308]);
const rests = 'fetch.body';

/**
 * Asks the vault about accounts of a provider.
 * @param {'accounts' | 'has' | 'request'} what
 */
export async function askProvider(what, who) {
  try {
    return (await kernel.call(`provider.${what}`, who)).head;
  } catch (err) {
    throw classed(err);
  }
}

/**
 * Fetches with an account of the user's. A redirect is followed on the remote's own host;
 * one to another host is given as it is, since the credential does not go there.
 *
 * Rejects with NEEDS_AUTHENTICATION_ERR (401) when no account is connected.
 *
 * @param {{provider: string, remote?: string, account?: string}} who
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function fetchProvider(who, path, init = undefined) {
  const options = dictionary(init, 'fetch');
  if (options.signal === undefined || options.signal === null) {
    const { method, headers, body, redirect } = outgoing(options, 'fetch');
    return follow({ who, path, method, headers, body: body === undefined ? undefined : await body, redirect, signal: null });
  }
  const whole = new Request('https://provider.invalid/', options);
  whole.signal.throwIfAborted();
  const { method, headers, redirect, signal } = whole;
  const request = { who, path, method, headers, body: await takeBody(whole), redirect, signal };
  return new Promise((resolve, reject) => {
    const done = onAbort(signal, reject);
    follow(request).then(resolve, reject).finally(done);
  });
}

async function follow({ who, path, method, headers, body, redirect, signal }) {
  for (let hops = 0; ; hops++) {
    signal?.throwIfAborted();
    let reply;
    try {
      reply = await kernel.call('provider.fetch', { ...who, url: path, pieces: true, method, headers: wireHeaders(headers) }, body);
    } catch (err) {
      throw classed(err);
    }
    const { head } = reply;
    const answer = () => receivedResponse(head.status, head, hops > 0, reply.body, head.body === undefined ? null : restOf(rests, reply.body, head.body, signal), signal);
    const location = redirects.has(head.status) ? head.headers.find(([n]) => n.toLowerCase() === 'location')?.[1] : undefined;
    if (location === undefined || redirect === 'manual') return answer();
    if (redirect === 'error') throw new TypeError(`${path} was answered with a redirect, which this request does not allow`);
    let next;
    try {
      next = new URL(location, head.url);
    } catch {
      return answer();
    }
    if (next.origin !== new URL(head.url).origin) return answer();
    if (hops === maxRedirects) throw new TypeError(`${path} was redirected more than ${maxRedirects} times`);
    if (head.status === 303 ? method !== 'HEAD' : method === 'POST' && head.status < 303) {
      method = 'GET';
      body = undefined;
      headers = new Headers(headers);
      for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type', 'content-length']) headers.delete(name);
    }
    if (head.body !== undefined) giveUp(rests, head.body);
    path = next.pathname + next.search;
  }
}
