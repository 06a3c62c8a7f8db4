// fast-xml-parser: parse with attributes, build
import assert from 'node:assert/strict';
import { XMLBuilder, XMLParser } from 'fast-xml-parser';
export async function run() {
  const data = new XMLParser({ ignoreAttributes: false }).parse('<a x="1"><b>t</b><b>u</b></a>');
  assert.deepEqual(data, { a: { b: ['t', 'u'], '@_x': '1' } });
  assert.equal(new XMLBuilder({}).build({ a: { b: 1 } }), '<a><b>1</b></a>');
}
