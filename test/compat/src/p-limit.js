// p-limit: at most two at once
import assert from 'node:assert/strict';
import pLimit from 'p-limit';
export async function run() {
  const limit = pLimit(2);
  let now = 0;
  let most = 0;
  await Promise.all([1, 2, 3, 4].map(() => limit(async () => {
    most = Math.max(most, ++now);
    await new Promise((done) => setTimeout(done, 5));
    now--;
  })));
  assert.equal(most, 2);
}
