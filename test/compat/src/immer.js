// immer: drafts, patches
import assert from 'node:assert/strict';
import { enablePatches, produce, produceWithPatches } from 'immer';
enablePatches();
export async function run() {
  const base = { a: [1], m: { x: 1 } };
  const next = produce(base, (d) => { d.a.push(2); });
  assert.deepEqual([base.a, next.a, next.m === base.m], [[1], [1, 2], true]);
  assert.equal(produceWithPatches(base, (d) => { d.m.x = 2; })[1][0].path.join('.'), 'm.x');
}
