// node-fetch: GET, POST, headers, bodies
import assert from 'node:assert/strict';
import fetch, { Headers } from 'node-fetch';
export async function run() {
  const res = await fetch('https://api.example.com/echo', { method: 'POST', body: 'text', headers: new Headers({ 'X-A': '1' }) });
  assert.equal(res.ok, true);
  const sent = await res.json();
  assert.equal(sent.body + sent.headers['x-a'], 'text1');
  assert.equal((await (await fetch('https://api.example.com/bytes')).arrayBuffer()).byteLength, 3);
}
