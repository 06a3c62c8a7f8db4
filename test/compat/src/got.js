// got: GET of JSON over node:https
import assert from 'node:assert/strict';
import got from 'got';
export async function run() {
  assert.equal((await got('https://api.example.com/json').json()).a, 1);
}
