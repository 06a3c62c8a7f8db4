// base-64: both ways
import assert from 'node:assert/strict';
import { decode, encode } from 'base-64';
export async function run() {
  assert.equal(decode(encode('abc')), 'abc');
}
