import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host } from '../../runtime/test/mock-kernel.js';
import { asApp, asUser, NeedsAuthenticationError, route } from '../src/index.js';

beforeEach(() => host.reset());
const text = (s) => new TextEncoder().encode(s);
const ok = (url = 'https://api.example.com/me') => ({ head: { status: 200, statusText: 'OK', headers: [['content-type', 'application/json']], url }, body: text('{"a":1}') });

test('accounts are the ones that the host tells', async () => {
  const all = [{ id: '1', displayName: 'Alice', scopes: ['a'] }, { id: '2', displayName: 'Alice at work', scopes: ['a', 'b'] }];
  host.on('provider.accounts', () => ({ head: { accounts: all } }));
  const p = asUser().withProvider('music', 'music-api');
  assert.deepEqual(await p.listAccounts(), all);
  assert.deepEqual(await p.getAccount(), all[0]);
  assert.deepEqual(await p.asAccount('2').getAccount(), all[1]);
  assert.equal(await p.asAccount('3').getAccount(), undefined);
});

test('requestCredentials ends the call where there are none', async () => {
  let has = false;
  host.on('provider.has', () => ({ head: { has } }));
  host.on('provider.request', ({ scopes }) => { throw Object.assign(new Error('no'), { code: 'NEEDS_AUTHENTICATION_ERR', status: 401, serviceKey: 'music', options: { scopes, isExpectedError: true, provider: 'music' } }); });
  const p = asUser().withProvider('music');
  assert.equal(await p.hasCredentials(['a']), false);
  const e = await p.requestCredentials(['a', 'b']).catch((x) => x);
  assert.ok(e instanceof NeedsAuthenticationError);
  assert.deepEqual([e.serviceKey, e.options.scopes, e.options.isExpectedError], ['music', ['a', 'b'], true]);
  has = true;
  assert.equal(await p.requestCredentials(), true);
  await assert.rejects(p.hasCredentials('a'), TypeError);
});

test('fetch names the account and follows redirects on the same host only', async () => {
  const went = [];
  host.on('provider.fetch', ({ url, method, provider, remote, account }, body) => {
    went.push([provider, remote, account, `${method} ${url}`, body?.length ?? 0]);
    if (url === '/here') return { head: { status: 303, statusText: '', headers: [['location', '/v1/there?x=1']], url: 'https://api.example.com/here' } };
    if (url === '/away') return { head: { status: 307, statusText: '', headers: [['location', 'https://elsewhere.example/']], url: 'https://api.example.com/away' } };
    return ok();
  });
  const p = asUser().withProvider('music', 'music-api');
  const res = await p.asAccount('2').fetch(route`/here`, { method: 'POST', body: 'x' });
  assert.deepEqual([res.status, res.redirected, await res.json()], [200, true, { a: 1 }]);
  assert.equal((await p.fetch('/away')).status, 307);
  assert.deepEqual(went, [['music', 'music-api', '2', 'POST /here', 1], ['music', 'music-api', '2', 'GET /v1/there?x=1', 0], ['music', 'music-api', undefined, 'GET /away', 0]]);
});

test('a long answer comes piece by piece, and one of a redirect is given up', async () => {
  const asked = [];
  const first = (head) => ({ head: { status: 200, body: 3, statusText: 'OK', headers: [], url: 'https://api.example.com/x', ...head }, body: text('a') });
  host.on('provider.fetch', ({ url, pieces }) => {
    assert.equal(pieces, true);
    return url === '/here' ? first({ status: 302, body: 2, headers: [['location', '/there']] }) : first();
  });
  host.on('fetch.body', (head) => { asked.push(head); return head.close ? { head: { done: true } } : { head: { done: asked.length === 3 }, body: text('b') }; });
  const res = await asUser().withProvider('music', 'music-api').fetch('/here');
  assert.deepEqual(asked, [{ body: 2, close: true }]);
  assert.equal(await res.text(), 'abb');
  assert.deepEqual(asked.slice(1), [{ body: 3 }, { body: 3 }]);
});

test('a credential of the site\u2019s needs no user, and without one the call says who gives it', async () => {
  const went = [];
  host.on('provider.has', ({ app }) => ({ head: { has: app === true } }));
  host.on('provider.fetch', ({ url, method, provider, remote, account, app }, body) => { went.push([provider, remote, account, app, `${method} ${url}`, body.length]); return ok(); });
  const p = asApp().withProvider('weather', 'api');
  assert.deepEqual(Object.keys(p), ['hasCredentials', 'requestCredentials', 'fetch']);
  assert.equal(await p.requestCredentials(), true);
  assert.equal((await p.fetch(route`/now`, { method: 'POST', body: 'x' })).status, 200);
  assert.deepEqual(went, [['weather', 'api', undefined, true, 'POST /now', 1]]);
  host.on('provider.has', () => ({ head: { has: false } }));
  host.on('provider.request', () => { throw Object.assign(new Error('an admin gives it'), { code: 'PROVIDER_NOT_CONFIGURED', status: 403, filledBy: 'site-admin' }); });
  assert.equal(await p.hasCredentials(), false);
  await assert.rejects(p.requestCredentials(), (e) => e.code === 'PROVIDER_NOT_CONFIGURED' && e.filledBy === 'site-admin' && !(e instanceof NeedsAuthenticationError));
  assert.throws(() => asApp().withProvider(''), TypeError);
});
