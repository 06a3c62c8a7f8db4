// mathjs: expressions, units, matrices
import assert from 'node:assert/strict';
import { all, create } from 'mathjs';
const math = create(all);
export async function run() {
  assert.equal(math.evaluate('sqrt(16) + 2^3'), 12);
  assert.equal(math.evaluate('5 cm to mm').toString(), '50 mm');
  assert.equal(math.det([[1, 2], [3, 4]]), -2);
}
