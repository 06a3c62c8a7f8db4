// got: GET of JSON over node:https
// no: it opens sockets of its own; use fetch, axios or node-fetch
import assert from 'node:assert/strict';
import got from 'got';
export async function run() {
  assert.equal((await got('https://api.example.com/json').json()).a, 1);
}
