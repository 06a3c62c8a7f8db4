// ramda: composition, lenses
import assert from 'node:assert/strict';
import * as R from 'ramda';
export async function run() {
  assert.deepEqual(R.pipe(R.filter(R.gt(R.__, 1)), R.map(R.inc))([1, 2, 3]), [3, 4]);
  assert.deepEqual(R.over(R.lensPath(['a', 'b']), R.add(1), { a: { b: 1 } }), { a: { b: 2 } });
}
