// shortid: ids
import assert from 'node:assert/strict';
import shortid from 'shortid';
export async function run() {
  assert.ok(shortid.isValid(shortid.generate()));
}
