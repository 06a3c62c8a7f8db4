// async-retry: the third attempt
import assert from 'node:assert/strict';
import retry from 'async-retry';
export async function run() {
  assert.equal(await retry(async (bail, n) => { if (n < 3) throw new Error('again'); return n; }, { minTimeout: 1, maxTimeout: 2 }), 3);
}
