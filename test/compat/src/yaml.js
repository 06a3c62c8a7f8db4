// yaml: parse and stringify, comments kept
import assert from 'node:assert/strict';
import YAML from 'yaml';
export async function run() {
  assert.deepEqual(YAML.parse('a:\n  - 1\n  - {b: ü}\n'), { a: [1, { b: 'ü' }] });
  const doc = YAML.parseDocument('# note\na: 1\n');
  doc.set('b', 2);
  assert.equal(String(doc), '# note\na: 1\nb: 2\n');
}
