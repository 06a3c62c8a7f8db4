// superagent: POST of JSON
// no: its form for browsers needs XMLHttpRequest, its form for Node.js sockets; use fetch or axios
import assert from 'node:assert/strict';
import superagent from 'superagent';
export async function run() {
  const res = await superagent.post('https://api.example.com/echo').set('X-A', '1').send({ a: 1 });
  assert.deepEqual(JSON.parse(res.body.body), { a: 1 });
}
