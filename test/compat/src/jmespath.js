// jmespath: projections, filters, functions
import assert from 'node:assert/strict';
import jmespath from 'jmespath';
export async function run() {
  assert.deepEqual(jmespath.search({ a: [{ n: 1 }, { n: 3 }] }, 'a[?n > `2`].n'), [3]);
}
