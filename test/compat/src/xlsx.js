// xlsx: a workbook written and read
import assert from 'node:assert/strict';
import * as XLSX from 'xlsx';
export async function run() {
  const book = XLSX.utils.book_new();
  XLSX.utils.book_append_sheet(book, XLSX.utils.json_to_sheet([{ a: 1, b: 'ü' }]), 'S');
  const bytes = XLSX.write(book, { type: 'buffer', bookType: 'xlsx', compression: true });
  assert.deepEqual(XLSX.utils.sheet_to_json(XLSX.read(bytes).Sheets.S), [{ a: 1, b: 'ü' }]);
}
