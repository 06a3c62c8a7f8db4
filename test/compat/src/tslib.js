// tslib: helpers of compiled TypeScript
import assert from 'node:assert/strict';
import { __awaiter, __decorate } from 'tslib';
export async function run() {
  assert.equal(await __awaiter(undefined, undefined, undefined, function* () { return (yield Promise.resolve(1)) + 1; }), 2);
  assert.equal(typeof __decorate, 'function');
}
