// cross-fetch: GET
import assert from 'node:assert/strict';
import fetch from 'cross-fetch';
export async function run() {
  assert.equal((await (await fetch('https://api.example.com/json')).json()).a, 1);
}
