// p-queue: concurrency and priority
import assert from 'node:assert/strict';
import PQueue from 'p-queue';
export async function run() {
  const queue = new PQueue({ concurrency: 1 });
  const seen = [];
  queue.add(async () => { await new Promise((done) => setTimeout(done, 3)); seen.push(0); });
  queue.add(async () => seen.push(1));
  queue.add(async () => seen.push(2), { priority: 1 });
  await queue.onIdle();
  assert.deepEqual(seen, [0, 2, 1]);
}
