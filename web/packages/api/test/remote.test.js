import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host } from '../../runtime/test/mock-kernel.js';
import { requestRemote } from '../src/index.js';

beforeEach(() => host.reset());
const text = (s) => new TextEncoder().encode(s);

test('a long answer comes piece by piece, as it is wanted', async () => {
  const pieces = ['{"a":', '"b', '"}'];
  let asked = 0;
  let closed = 0;
  host.on('remote.request', ({ remote, path, pieces: wanted }) => {
    asked = 0;
    assert.deepEqual([remote, path, wanted], ['back', '/a', true]);
    return { head: { status: 200, body: 7, statusText: 'OK', headers: [['content-type', 'application/json']], url: 'https://back.example.com/a' }, body: text(pieces[0]) };
  });
  host.on('fetch.body', ({ body, close }) => {
    assert.equal(body, 7);
    if (close) { closed++; return { head: { done: true } }; }
    asked++;
    return { head: { done: asked === pieces.length - 1 }, body: text(pieces[asked]) };
  });
  const get = () => requestRemote('back', { path: '/a' });
  assert.deepEqual(await (await get()).json(), { a: 'b' });
  const read = [];
  for await (const piece of (await get()).body) read.push([new TextDecoder().decode(piece), asked]);
  assert.deepEqual(read, [['{"a":', 0], ['"b', 1], ['"}', 2]]);
  await (await get()).body.cancel();
  assert.equal(closed, 1);
  host.on('fetch.body', () => { throw Object.assign(new Error('no'), { code: 'REQUEST_EGRESS_ALLOWLIST_ERR', status: 403 }); });
  await assert.rejects((await get()).text(), { code: 'REQUEST_EGRESS_ALLOWLIST_ERR', status: 403 });
});

test('a redirect is the app’s to follow, with what it brought', async () => {
  host.on('remote.request', () => ({ head: { status: 302, body: 1, statusText: '', headers: [['location', '/b']], url: 'https://back.example.com/a' }, body: text('x') }));
  host.on('fetch.body', () => ({ head: { done: true }, body: text('y') }));
  const res = await requestRemote('back', { path: '/a' });
  assert.deepEqual([res.status, await res.text()], [302, 'xy']);
});
