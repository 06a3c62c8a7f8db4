// undici: its fetch and request
// no: it opens sockets of its own; the global fetch has the same interface
import assert from 'node:assert/strict';
import { fetch, request } from 'undici';
export async function run() {
  assert.equal((await (await fetch('https://api.example.com/json')).json()).a, 1);
  assert.equal((await (await request('https://api.example.com/json')).body.json()).a, 1);
}
