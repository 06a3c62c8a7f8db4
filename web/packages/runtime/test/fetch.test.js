import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { fetch } from '../src/web/http.js';
import { FormData } from '../src/web/formdata.js';
import { Request } from '../src/web/request.js';
import { URLSearchParams } from '../src/web/url.js';
import { ExternalEndpointNotAllowedError } from '../src/errors.js';
import { host } from './mock-kernel.js';

const text = (bytes) => new TextDecoder().decode(bytes);
const answer = (status, headers = [], body = '') => ({ head: { status, statusText: '', headers }, body: new TextEncoder().encode(body) });

beforeEach(() => host.reset());

/** Answers each hop by its URL, and keeps what was asked. */
function world(pages) {
  host.on('fetch', (head, body) => {
    const page = pages[head.url];
    if (!page) throw new Error(`nothing at ${head.url}`);
    return typeof page === 'function' ? page(head, body) : page;
  });
}
const asked = () => host.calls.map((c) => `${c.head.method} ${c.head.url}`);
const sent = (i) => Object.fromEntries(host.calls[i].head.headers);

test('a redirect is asked for again, hop by hop', async () => {
  world({ 'https://a.example/1': answer(302, [['Location', '/2']]), 'https://a.example/2': answer(307, [['location', 'https://b.example/3']]), 'https://b.example/3': answer(200, [], 'end') });
  const res = await fetch('https://a.example/1', { headers: { Authorization: 'x', Cookie: 'y', 'X-Keep': 'z' } });
  assert.equal(await res.text(), 'end');
  assert.equal(res.url, 'https://b.example/3');
  assert.equal(res.redirected, true);
  assert.deepEqual(asked(), ['GET https://a.example/1', 'GET https://a.example/2', 'GET https://b.example/3']);
  assert.deepEqual(sent(1), { authorization: 'x', cookie: 'y', 'x-keep': 'z' });
  assert.deepEqual(sent(2), { 'x-keep': 'z' });
});

test('another port, scheme or host is another origin', async () => {
  for (const to of ['https://a.example:8443/', 'http://a.example/', 'https://sub.a.example/']) {
    host.reset();
    world({ 'https://a.example/': answer(302, [['location', to]]), [to]: answer(200) });
    await fetch('https://a.example/', { headers: { authorization: 'x' } });
    assert.deepEqual(sent(1), {}, to);
  }
});

test('credentials dropped at a foreign hop do not come back', async () => {
  world({ 'https://a.example/': answer(302, [['location', 'https://b.example/']]), 'https://b.example/': answer(302, [['location', 'https://a.example/end']]), 'https://a.example/end': answer(200) });
  await fetch('https://a.example/', { headers: { authorization: 'x' } });
  assert.deepEqual(sent(2), {});
});

test('methods and bodies over redirects', async () => {
  for (const [status, method, want, keeps] of [[301, 'POST', 'GET', false], [302, 'POST', 'GET', false], [303, 'PUT', 'GET', false], [303, 'HEAD', 'HEAD', false], [301, 'PUT', 'PUT', true], [307, 'POST', 'POST', true], [308, 'DELETE', 'DELETE', true]]) {
    host.reset();
    world({ 'https://a.example/': answer(status, [['location', '/n']]), 'https://a.example/n': answer(200) });
    await fetch('https://a.example/', { method, body: method === 'HEAD' ? undefined : 'b', headers: { 'Content-Type': 'text/x' } });
    const second = host.calls[1];
    assert.equal(second.head.method, want, `${status} ${method}`);
    assert.equal(second.body !== undefined, keeps, `${status} ${method}`);
    assert.equal('content-type' in sent(1), keeps || method === 'HEAD', `${status} ${method}`);
  }
});

test('redirect modes, loops and bad locations', async () => {
  world({ 'https://a.example/': answer(302, [['location', '/']]), 'https://a.example/js': answer(302, [['location', 'javascript:1']]), 'https://a.example/bad': answer(302, [['location', 'http://[']]), 'https://a.example/none': answer(302) });
  assert.equal((await fetch('https://a.example/', { redirect: 'manual' })).status, 302);
  await assert.rejects(fetch('https://a.example/', { redirect: 'error' }), TypeError);
  host.calls = [];
  await assert.rejects(fetch('https://a.example/'), /more than 20/);
  assert.equal(host.calls.length, 21);
  await assert.rejects(fetch('https://a.example/js'), /javascript:/);
  await assert.rejects(fetch('https://a.example/bad'), TypeError);
  assert.equal((await fetch('https://a.example/none')).status, 302);
});

test('a refusal has the class and the fields that apps look for', async () => {
  host.on('fetch', () => { throw Object.assign(new Error('no'), { name: 'REQUEST_EGRESS_ALLOWLIST_ERR', code: 'REQUEST_EGRESS_ALLOWLIST_ERR', status: 403, reasonId: 'r1', origin: 'https://x.example' }); });
  const err = await fetch('https://x.example/').catch((e) => e);
  assert.ok(err instanceof ExternalEndpointNotAllowedError);
  assert.equal(err.name, 'REQUEST_EGRESS_ALLOWLIST_ERR');
  assert.equal(err.reasonId, 'r1');
});

test('bodies of every kind', async () => {
  world({ 'https://a.example/': (head, body) => answer(200, [], JSON.stringify({ type: Object.fromEntries(head.headers)['content-type'], body: body && text(body) })) });
  const post = async (body, headers) => (await fetch('https://a.example/', { method: 'POST', body, headers })).json();
  assert.deepEqual(await post('ü'), { type: 'text/plain;charset=UTF-8', body: 'ü' });
  assert.deepEqual(await post(new URLSearchParams({ a: 'b c' })), { type: 'application/x-www-form-urlencoded;charset=UTF-8', body: 'a=b+c' });
  assert.deepEqual(await post(new Uint8Array([65, 66])), { body: 'AB' });
  assert.deepEqual(await post('{}', { 'content-type': 'application/json' }), { type: 'application/json', body: '{}' });
  const form = new FormData();
  form.append('n', 'v');
  const sentForm = await post(form);
  assert.match(sentForm.type, /^multipart\/form-data; boundary=/);
  assert.match(sentForm.body, /name="n"\r\n\r\nv\r\n/);
  assert.deepEqual(await (await fetch(new Request('https://a.example/', { method: 'PUT', body: 'x' }))).json(), { type: 'text/plain;charset=UTF-8', body: 'x' });
  await assert.rejects(fetch('https://a.example/', { body: 'x' }), TypeError);
});

test('what can never be a request is refused here', async () => {
  for (const url of ['/relative', 'ftp://a.example/', 'javascript:1', '']) await assert.rejects(fetch(url), TypeError, url);
  await assert.rejects(fetch('https://a.example/', { method: 'TRACE' }), TypeError);
  await assert.rejects(fetch('https://a.example/', { headers: { 'bad name': '1' } }), TypeError);
  await assert.rejects(fetch('https://a.example/', { headers: { a: 'x\r\nb: y' } }), TypeError);
  assert.equal(host.calls.length, 0);
});

test('an aborted request rejects with its reason, and asks for no further hop', async () => {
  const stop = new AbortController();
  world({ 'https://a.example/': () => { stop.abort(new Error('enough')); return answer(302, [['location', '/2']]); }, 'https://a.example/2': answer(200) });
  await assert.rejects(fetch('https://a.example/', { signal: stop.signal }), /enough/);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(host.calls.length, 1);
  await assert.rejects(fetch('https://a.example/', { signal: stop.signal }), /enough/);
});
