// qs: nested objects, both ways
import assert from 'node:assert/strict';
import qs from 'qs';
export async function run() {
  const text = qs.stringify({ a: { b: ['c', 'd e'] } });
  assert.deepEqual(qs.parse(text), { a: { b: ['c', 'd e'] } });
}
