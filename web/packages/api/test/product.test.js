import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host } from '../../runtime/test/mock-kernel.js';
import { Blob } from '../../runtime/src/web/blob.js';
import { FormData } from '../../runtime/src/web/formdata.js';
import { ReadableStream } from '../../runtime/src/web/stream.js';
import { asApp, asUser, assumeTrustedRoute, authorize, NeedsAuthenticationError, properties, RequestProductNotAllowedError, route, __requestAtlassianAsApp } from '../src/index.js';

beforeEach(() => host.reset());
const text = (s) => new TextEncoder().encode(s);
const ok = (body = '{}') => ({ head: { status: 200, statusText: 'OK', headers: [['content-type', 'application/json']], url: '/x' }, body: text(body) });

test('who asks is named beside the path, and nothing else', async () => {
  host.on('product.request', () => ok('{"a":1}'));
  const res = await asApp().requestJira(route`/rest/api/3/issue/${'A 1'}?fields=${'a&b'}#x`);
  assert.deepEqual([res.status, res.ok, await res.json()], [200, true, { a: 1 }]);
  await asUser().requestConfluence(route`/wiki/ü`);
  await asUser('bob').requestProduct('tracker', route`/50%/%41`, { method: 'put', body: '{}' });
  await __requestAtlassianAsApp('/rest/x');
  assert.deepEqual(host.calls.map(({ head: { headers, pieces, ...rest } }) => rest), [
    { product: 'jira', as: 'app', path: '/rest/api/3/issue/A%201?fields=a%26b', method: 'GET' },
    { product: 'confluence', as: 'user', path: '/wiki/%C3%BC', method: 'GET' },
    { product: 'tracker', as: 'user', accountId: 'bob', path: '/50%25/%41', method: 'PUT' },
    { product: '', as: 'app', path: '/rest/x', method: 'GET' },
  ]);
});

test('bodies: text is JSON unless said otherwise', async () => {
  host.on('product.request', () => ok());
  const typeOf = (n) => host.calls[n].head.headers.find(([k]) => k === 'content-type')?.[1];
  await asApp().requestJira(route`/a`, { method: 'POST', body: '{"x":1}' });
  await asApp().requestJira(route`/a`, { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/plain' } });
  const form = new FormData();
  form.append('file', 'x');
  await asApp().requestJira(route`/a`, { method: 'POST', body: form });
  await asApp().requestJira(route`/a`);
  assert.deepEqual([typeOf(0), typeOf(1), typeOf(3)], ['application/json', 'text/plain', undefined]);
  assert.match(typeOf(2), /^multipart\/form-data; boundary=/);
  await assert.rejects(asApp().requestJira(route`/a`, { body: 'x' }), TypeError);
});

test('a redirect on the product is asked for again, another is given as it is', async () => {
  const went = [];
  host.on('product.request', ({ path, method }, body) => {
    went.push(`${method} ${path} ${body?.length ?? 0}`);
    if (path === '/away') return { head: { status: 302, statusText: '', headers: [['location', 'https://example.com/']], url: path } };
    if (path === '/loop') return { head: { status: 302, statusText: '', headers: [['location', '/loop']], url: path } };
    return path === '/there' ? ok() : { head: { status: 303, statusText: '', headers: [['location', '/there']], url: path } };
  });
  const res = await asApp().requestJira(route`/here`, { method: 'POST', body: '{}' });
  assert.deepEqual([res.status, res.redirected, went], [200, true, ['POST /here 2', 'GET /there 0']]);
  assert.equal((await asApp().requestJira(route`/away`)).status, 302);
  assert.equal((await asApp().requestJira(route`/here`, { redirect: 'manual' })).status, 303);
  await assert.rejects(asApp().requestJira(route`/here`, { redirect: 'error' }), TypeError);
  await assert.rejects(asApp().requestJira(route`/loop`), /more than 20/);
});

test('nothing in a path or a redirect is more than a path', async () => {
  const went = [];
  host.on('product.request', ({ path, ...rest }) => {
    went.push(path);
    assert.deepEqual(rest, { product: 'jira', as: 'app', pieces: true, method: 'GET', headers: [] });
    return path === '/there' ? { head: { status: 302, statusText: '', headers: [['location', '/x","as":"user","a":"\\']], url: path } } : ok();
  });
  await asApp().requestJira(assumeTrustedRoute('/a","as":"user","b":"\\"'));
  await asApp().requestJira(route`/there`);
  assert.deepEqual(went, ['/a%22,%22as%22:%22user%22,%22b%22:%22%5C%22', '/there', '/x","as":"user","a":"\\']);
});

test('a path is written as a URL is, whatever signs it has', async () => {
  const went = [];
  host.on('product.request', ({ path }) => { went.push(path); return ok(); });
  for (const path of ["/a-._~!$&'()*+,;=:@b?c=d/e?f", '/[a]', '/%41%2f%zz', '/\u212a\u017f\u00e9', '/\ud800', '/a b#c', '/<>"`{}|^\\']) await asApp().requestJira(assumeTrustedRoute(path));
  assert.deepEqual(went, ["/a-._~!$&'()*+,;=:@b?c=d/e?f", '/[a]', '/%41%2f%25zz', '/%E2%84%AA%C5%BF%C3%A9', '/%EF%BF%BD', '/a%20b', '/%3C%3E%22%60%7B%7D%7C%5E%5C']);
});

test('a product is named by its text at each call', async () => {
  const went = [];
  host.on('product.request', ({ product }) => { went.push(product); return ok(); });
  const named = ['jira'];
  await asApp().requestProduct(named, route`/a`);
  named[0] = 'confluence';
  await asApp().requestProduct(named, route`/a`);
  await asApp().requestProduct('jira', route`/a`);
  assert.deepEqual(went, ['jira', 'confluence', 'jira']);
});

test('refusals have the classes that apps look for', async () => {
  const refuse = (code, fields) => host.on('product.request', () => { throw Object.assign(new Error('no'), { code, ...fields }); });
  refuse('NEEDS_AUTHENTICATION_ERR', { status: 401, serviceKey: 'tracker' });
  const consent = await asUser().requestJira(route`/a`).catch((e) => e);
  assert.ok(consent instanceof NeedsAuthenticationError);
  assert.deepEqual([consent.status, consent.serviceKey], [401, 'tracker']);
  refuse('PRODUCT_NOT_INSTALLED', { status: 403 });
  assert.ok(await asApp().requestConfluence(route`/a`).catch((e) => e) instanceof RequestProductNotAllowedError);
});

test('a graph query goes to the product of the installation', async () => {
  host.on('product.graph', () => ok('{"data":{}}'));
  await asApp().requestGraph('query { me { id } }', { a: 1 });
  assert.equal(host.calls[0].head.as, 'app');
  assert.deepEqual(JSON.parse(new TextDecoder().decode(host.calls[0].body)), { query: 'query { me { id } }', variables: { a: 1 } });
});

test('the user is asked about, of the product', async () => {
  host.on('product.request', (_, body) => {
    const [{ permissions: [permission], issues, projects }] = JSON.parse(new TextDecoder().decode(body)).projectPermissions;
    const had = permission === 'EDIT_ISSUES' ? issues?.filter((i) => i !== '9').map(Number) : permission === 'ADMINISTER_PROJECTS' ? projects : [];
    return ok(JSON.stringify({ globalPermissions: [], projectPermissions: [{ permission, issues: issues && had, projects: projects && had }] }));
  });
  assert.deepEqual(await authorize().onJira([{ permissions: ['ADMINISTER_PROJECTS'], projects: ['10000'] }]), [{ permission: 'ADMINISTER_PROJECTS', projects: ['10000'] }]);
  assert.deepEqual(host.calls[0].head.as, 'user');
  const { canEdit, canDelete, canPurge } = authorize().onJiraIssue(['1', 2]);
  assert.deepEqual([await canEdit(), await canDelete(), await authorize().onJiraIssue(['1', '9']).canEdit(), await authorize().onJiraIssue([]).canEdit()], [true, false, false, false]);
  await assert.rejects(canPurge(), { code: 'NOT_OFFERED' });
  host.on('product.request', () => ({ head: { status: 403, statusText: 'Forbidden', headers: [], url: '/x' }, body: text('{}') }));
  await assert.rejects(authorize().onJiraProject('1').canCreate(), { status: 403, code: 'PRODUCT_ANSWER' });
});

test('an abandoned request is given up', async () => {
  const stop = new AbortController();
  host.on('product.request', () => new Promise(() => {}));
  const asked = asApp().requestJira(route`/a`, { signal: stop.signal });
  stop.abort();
  await assert.rejects(asked, { name: 'AbortError' });
});

test('properties of issues', async () => {
  const kept = new Map();
  host.on('product.request', ({ path, method }, body) => {
    const status = (s) => ({ head: { status: s, statusText: '', headers: [], url: path }, body: text('') });
    if (method === 'PUT') { kept.set(path, JSON.parse(new TextDecoder().decode(body))); return status(201); }
    if (method === 'DELETE') return status(kept.delete(path) ? 204 : 404);
    return kept.has(path) ? ok(JSON.stringify({ key: 'k', value: kept.get(path) })) : status(path.includes('closed') ? 403 : 404);
  });
  const on = properties.onJiraIssue('DEMO-1');
  assert.equal(await on.get('k'), undefined);
  await assert.rejects(on.get('a/b'), { code: 'ROUTE_INVALID' });
  await on.set('a b', { x: [1] });
  assert.deepEqual([...kept.keys()], ['/rest/api/3/issue/DEMO-1/properties/a%20b']);
  assert.deepEqual(await on.get('a b'), { x: [1] });
  await on.delete('a b');
  await on.delete('a b');
  await assert.rejects(on.get('closed'), { status: 403, code: 'PRODUCT_ANSWER' });
});

test('a long answer comes piece by piece, as it is wanted', async () => {
  const pieces = ['{"a":', '"b', '"}'];
  let asked = 0;
  let closed = 0;
  const first = (fields = {}) => ({ head: { status: 200, body: 7, statusText: 'OK', headers: [['content-type', 'application/json']], url: '/x', ...fields }, body: text(pieces[0]) });
  host.on('product.request', () => first());
  host.on('product.body', ({ body, close }) => {
    assert.equal(body, 7);
    if (close) { closed++; return { head: { done: true } }; }
    asked++;
    return { head: { done: asked === pieces.length - 1 }, body: text(pieces[asked]) };
  });
  const get = (init) => { asked = 0; return asApp().requestJira(route`/a`, init); };
  const res = await get();
  assert.deepEqual([res.status, res.headers.get('content-type'), asked], [200, 'application/json', 0]);
  assert.deepEqual(await res.json(), { a: 'b' });
  const read = [];
  for await (const piece of (await get()).body) read.push([new TextDecoder().decode(piece), asked]);
  assert.deepEqual(read, [['{"a":', 0], ['"b', 1], ['"}', 2]]);
  assert.equal(await (await get()).clone().text(), '{"a":"b"}');
  const reader = (await get()).body.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(closed, 1);
  await assert.rejects(reader.closed.then(() => { throw new Error('over'); }), /over/);
  const stop = new AbortController();
  const late = await get({ signal: stop.signal });
  stop.abort();
  await assert.rejects(late.text(), { name: 'AbortError' });
  assert.equal(closed, 2);
  host.on('product.body', () => { throw Object.assign(new Error('no'), { code: 'PRODUCT_NOT_INSTALLED', status: 403 }); });
  await assert.rejects((await get()).text(), RequestProductNotAllowedError);
  // A redirect's own text is given up.
  const given = [];
  host.on('product.body', (head) => { given.push(head); return { head: { done: true } }; });
  host.on('product.request', ({ path }) => (path === '/a' ? first({ status: 302, headers: [['location', '/b']] }) : ok('{"c":1}')));
  assert.deepEqual(await (await get()).json(), { c: 1 });
  assert.deepEqual(given, [{ body: 7, close: true }]);
});

// sent answers a body that comes piece by piece, and keeps what came.
function sent(answer) {
  const got = { pieces: [], heads: [], whole: () => Buffer.concat(got.pieces).toString() };
  const take = (head, body) => {
    got.heads.push(head);
    if (head.close) return { head: { closed: true } };
    got.pieces.push(Buffer.from(body));
    return answer(got, head) ?? { head: { sending: 7 } };
  };
  host.on('product.send', take);
  host.on('product.request', (head, body) => take({ ...head, done: true, alone: true }, body ?? new Uint8Array(0)));
  return got;
}
const atTheEnd = (got, head) => (head.done ? ok(`{"n":${got.pieces.length}}`) : undefined);

test('a long body goes piece by piece, a short one with its request', async () => {
  const long = `"${'ab'.repeat(300_000)}"`;
  let got = sent(atTheEnd);
  const res = await asApp().requestJira(route`/a`, { method: 'POST', body: long });
  assert.deepEqual([res.status, await res.json()], [200, { n: 3 }]);
  assert.equal(got.whole(), long);
  const { headers, ...opened } = got.heads[0];
  assert.deepEqual(opened, { product: 'jira', as: 'app', path: '/a', pieces: true, method: 'POST', size: long.length });
  assert.ok(headers.some(([k, v]) => k === 'content-type' && v === 'application/json'));
  assert.deepEqual(got.heads.slice(1), [{ sending: 7, done: false }, { sending: 7, done: true }]);
  assert.ok(got.pieces.every((p) => p.length <= 256 << 10));

  const form = new FormData();
  form.append('file', new Blob([long]), 'a.txt');
  got = sent(atTheEnd);
  await asUser().requestJira(route`/a`, { method: 'POST', body: form });
  assert.ok(got.heads.length > 2 && got.heads[0].size === got.whole().length && got.whole().includes(long));

  for (const body of ['x'.repeat(256 << 10), new ReadableStream({ start(c) { c.enqueue(text('short')); c.close(); } })]) {
    got = sent(atTheEnd);
    await asApp().requestJira(route`/a`, { method: 'POST', body });
    assert.deepEqual(got.heads.map((h) => h.alone), [true]);
  }
});

test('a stream is asked for no more than the product has taken', async () => {
  let made = 0;
  let ended;
  const stream = () => new ReadableStream({
    pull(c) {
      if (made === 10) { c.close(); return; }
      made++;
      c.enqueue(new Uint8Array(100 << 10).fill(made));
    },
    cancel(why) { ended = why; },
  }, { highWaterMark: 0 });
  const ahead = [];
  let got = sent((all, head) => {
    ahead.push(made * (100 << 10) - all.pieces.reduce((n, p) => n + p.length, 0));
    return atTheEnd(all, head);
  });
  await asApp().requestJira(route`/a`, { method: 'PUT', body: stream() });
  assert.ok(ahead.length > 3 && ahead.every((n) => n >= 0 && n < 100 << 10), String(ahead));
  assert.equal(got.heads[0].size, 0);
  assert.equal(got.whole().length, 10 * (100 << 10));

  // The answer may come before the end.
  made = 0;
  got = sent(() => ({ head: { status: 413, statusText: '', headers: [], url: '/a' } }));
  assert.equal((await asApp().requestJira(route`/a`, { method: 'PUT', body: stream() })).status, 413);
  assert.ok(made < 10 && ended instanceof TypeError);

  // A stream that fails ends the request, and so does a signal.
  got = sent(atTheEnd);
  const failing = new ReadableStream({ pull(c) { if (made++ < 15) c.enqueue(new Uint8Array(100 << 10)); else c.error(new Error('gone')); } }, { highWaterMark: 0 });
  await assert.rejects(asApp().requestJira(route`/a`, { method: 'PUT', body: failing }), /gone/);
  assert.deepEqual(got.heads.at(-1), { sending: 7, close: true });
  made = 0;
  const stop = new AbortController();
  got = sent((all) => { if (all.pieces.length === 2) stop.abort(); });
  await assert.rejects(asApp().requestJira(route`/a`, { method: 'PUT', body: stream(), duplex: 'half', signal: stop.signal }), { name: 'AbortError' });
  await new Promise((done) => { setTimeout(done, 5); });
  assert.ok(got.heads.some((h) => h.close) && made < 10 && ended.name === 'AbortError');

  // What was a stream cannot be sent again, bytes can.
  const moved = (all, head) => (head.done ? { head: { status: 307, statusText: '', headers: [['location', '/b']], url: '/a' } } : undefined);
  made = 0;
  sent(moved);
  await assert.rejects(asApp().requestJira(route`/a`, { method: 'PUT', body: stream() }), /cannot be sent again/);
  let asked = 0;
  got = sent((all, head) => (head.done && asked++ === 0 ? moved(all, head) : atTheEnd(all, head)));
  assert.equal((await asApp().requestJira(route`/a`, { method: 'PUT', body: 'x'.repeat(300 << 10) })).status, 200);
  assert.equal(got.whole().length, 2 * (300 << 10));
});

test('of many long bodies as many go at once as the host takes', async () => {
  let at = 0;
  let top = 0;
  let n = 0;
  host.on('product.send', async ({ sending }) => {
    if (sending === undefined) { top = Math.max(top, ++at); return { head: { sending: ++n } }; }
    await new Promise((done) => { setTimeout(done, 1); });
    at--;
    return ok();
  });
  const all = await Promise.all(Array.from({ length: 40 }, () => asApp().requestJira(route`/a`, { method: 'POST', body: 'x'.repeat(300 << 10) })));
  assert.ok(all.every((r) => r.status === 200));
  assert.equal(top, 16);
});
