import test from 'node:test';
import assert from 'node:assert/strict';
import { makeCallBridge } from '../src/callbridge.js';
import { granted } from '../src/granted.js';
import { makeHistory } from '../src/history.js';
import { makeRequests } from '../src/requests.js';

function host(answer = () => true) {
  const asked = [];
  const call = makeCallBridge({ send: async (...m) => { asked.push(m); return answer(...m); }, listen() {} });
  return { asked, call };
}

test('null where something may be left out is nothing, in each member', async () => {
  const { asked, call } = host(() => ({ id: 'd1' }));
  await call('showFlag', { id: 'f', title: 'Saved', actions: null });
  assert.deepEqual(asked.at(-1), ['showFlag', { id: 'f', title: 'Saved', actions: [] }]);
  assert.equal(await call('openModal', null), true);
  await assert.rejects(() => call('on', null), { code: 'INVALID_ARGUMENT' });
  const requests = makeRequests(async (command, payload) => { asked.push([command, payload]); return { status: 200, body: 'x', headers: null }; });
  assert.equal(await (await requests.requestJira('/x', null)).text(), 'x');
  assert.equal(asked.at(-1)[1].fetchRequestInit.method, 'GET');
  assert.equal((await requests.requestRemote('r', null)).status, 200);
  assert.deepEqual([asked.at(-1)[1].remoteKey, asked.at(-1)[1].fetchRequestInit.path], ['r', '']);
  assert.equal((await requests.requestJira('/x', { method: null, headers: null, body: null })).status, 200);
  assert.deepEqual(granted(undefined, null), { granted: true, missing: null });
  assert.deepEqual(granted({ scopes: null }, { scopes: ['a'], external: { images: null, fetch: { client: null } } }), { granted: false, missing: { scopes: ['a'] } });
});

test('an answer whose header is in no letters of a header is still an answer', async () => {
  const { requestJira } = makeRequests(async () => ({ status: 200, statusText: 'gut ✓', body: 'x', headers: { 'content-disposition': 'attachment; filename="日本.txt"', 'x-plain': 'Ü' } }));
  const r = await requestJira('/x');
  const bytes = Uint8Array.from(r.headers.get('content-disposition'), (c) => c.charCodeAt(0));
  assert.equal(new TextDecoder().decode(bytes), 'attachment; filename="日本.txt"');
  assert.equal(r.headers.get('x-plain'), 'Ü');
});

test('a place in an app’s history is a path, whatever the text', () => {
  const { api } = makeHistory(async () => {}, '/');
  for (const [to, pathname, search, hash] of [['//evil.example/x', '//evil.example/x', '', ''], ['http://[', '/http://[', '', ''], ['two?a=1#b', '/two', '?a=1', '#b'], ['', '/', '', ''], ['?', '/', '', ''],
    [{ pathname: '/a b', search: '?q' }, '/a%20b', '?q', ''], [undefined, '/', '', '']]) {
    api.push(to);
    assert.deepEqual([api.location.pathname, api.location.search, api.location.hash], [pathname, search, hash], String(to));
  }
});
