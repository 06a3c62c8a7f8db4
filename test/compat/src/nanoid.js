// nanoid: ids, an alphabet of one's own, the non-secure form
import assert from 'node:assert/strict';
import { customAlphabet, nanoid } from 'nanoid';
import { nanoid as quick } from 'nanoid/non-secure';
const digits = customAlphabet('0123456789', 6);
export async function run() {
  assert.equal(nanoid().length, 21);
  assert.match(digits(), /^\d{6}$/);
  assert.notEqual(nanoid(), nanoid());
  assert.notEqual(quick(), quick());
}
