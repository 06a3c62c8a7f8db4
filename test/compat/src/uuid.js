// uuid: v1, v4, v5 and v7, validation
import assert from 'node:assert/strict';
import { v1, v4, v5, v7, validate, version } from 'uuid';
export async function run() {
  const all = [v1(), v4(), v5('a', v5.DNS), v7()];
  assert.deepEqual(all.map(version), [1, 4, 5, 7]);
  assert.ok(all.every(validate) && v4() !== v4());
}
