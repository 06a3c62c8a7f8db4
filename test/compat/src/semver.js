// semver: ranges, increments
import assert from 'node:assert/strict';
import semver from 'semver';
export async function run() {
  assert.ok(semver.satisfies('1.4.2', '^1.2') && !semver.satisfies('2.0.0', '~1'));
  assert.equal(semver.inc('1.2.3', 'minor'), '1.3.0');
}
