import { test } from 'node:test';
import assert from 'node:assert/strict';
import { follow } from '../src/follow.js';

let sockets = [];
globalThis.location = { protocol: 'https:', host: 'ui.example.com' };
globalThis.WebSocket = class {
  constructor(url) { this.url = url; sockets.push(this); }
  send(text) { this.sent = text; }
  close() { this.closed = true; }
};
const signal = () => new AbortController().signal;

test('a socket over which nothing comes is given up for a request', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  globalThis.fetch = async () => new Response('{"seq":1}\n{"seq":2}\n');
  for (const opens of [false, true]) {
    sockets = [];
    const lines = [];
    const over = follow('v', 0, signal(), (line) => lines.push(line));
    if (opens) sockets[0].onopen();
    t.mock.timers.tick(10_000);
    assert.equal(await over, null);
    assert.deepEqual(lines, ['{"seq":1}', '{"seq":2}']);
    assert.ok(sockets[0].closed);
  }
});

test('a socket that says something is waited for, and one that fails after it is tried again first', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  globalThis.fetch = async () => assert.fail('a request was made');
  sockets = [];
  const lines = [];
  const over = follow('v', 7, signal(), (line) => lines.push(line));
  sockets[0].onopen();
  assert.deepEqual(JSON.parse(sockets[0].sent), { session: '', seen: 7 });
  sockets[0].onmessage({ data: '{"ping":true}' });
  t.mock.timers.tick(60_000);
  sockets[0].onmessage({ data: '{"refused":{"code":"SESSION_GONE"}}' });
  sockets[0].onclose({ wasClean: true });
  assert.deepEqual(await over, { code: 'SESSION_GONE' });
  assert.deepEqual(lines, ['{"ping":true}']);
  const again = follow('v', 7, signal(), () => {});
  t.mock.timers.tick(10_000);
  await assert.rejects(again, /no connection/);
  globalThis.fetch = async () => new Response('');
  const other = follow('v', 7, signal(), () => {}); // in a network that lets none through
  sockets.at(-1).onclose({ wasClean: false });
  assert.equal(await other, null);
});
