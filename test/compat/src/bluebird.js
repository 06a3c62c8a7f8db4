// bluebird: map with concurrency, timeouts, finally
import assert from 'node:assert/strict';
import Bluebird from 'bluebird';
export async function run() {
  assert.deepEqual(await Bluebird.map([1, 2, 3], (n) => Bluebird.delay(1).then(() => n * 2), { concurrency: 2 }), [2, 4, 6]);
  await assert.rejects(Bluebird.delay(50).timeout(2), Bluebird.TimeoutError);
}
