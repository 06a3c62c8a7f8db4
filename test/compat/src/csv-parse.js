// csv-parse: the synchronous form and the stream
import assert from 'node:assert/strict';
import { parse } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';
export async function run() {
  assert.deepEqual(parseSync('a,b\n1,"x, y"\n', { columns: true }), [{ a: '1', b: 'x, y' }]);
  const rows = [];
  for await (const row of parse('1,2\n3,4\n')) rows.push(row);
  assert.deepEqual(rows, [['1', '2'], ['3', '4']]);
}
