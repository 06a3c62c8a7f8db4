// he: entities, both ways
import assert from 'node:assert/strict';
import he from 'he';
export async function run() {
  assert.equal(he.decode('&lt;&eacute;&#x1F600;'), '<é😀');
  assert.equal(he.encode('ü', { useNamedReferences: true }), '&uuml;');
}
