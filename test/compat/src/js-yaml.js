// js-yaml: load, dump, dates, errors
import assert from 'node:assert/strict';
import * as yaml from 'js-yaml';
export async function run() {
  assert.deepEqual(yaml.load('a: [1, x]\nb: true\n'), { a: [1, 'x'], b: true });
  assert.equal(yaml.dump({ a: [1] }), 'a:\n  - 1\n');
  assert.throws(() => yaml.load('a: ['), { name: 'YAMLException' });
}
