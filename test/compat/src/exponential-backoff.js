// exponential-backoff: the second attempt
import assert from 'node:assert/strict';
import { backOff } from 'exponential-backoff';
export async function run() {
  let n = 0;
  assert.equal(await backOff(async () => { if (++n < 2) throw new Error('again'); return n; }, { startingDelay: 1 }), 2);
}
