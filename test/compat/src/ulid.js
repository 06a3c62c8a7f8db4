// ulid: ids in order
import assert from 'node:assert/strict';
import { decodeTime, monotonicFactory, ulid } from 'ulid';
const next = monotonicFactory();
export async function run() {
  const [a, b] = [next(), next()];
  assert.ok(a < b && ulid().length === 26);
  assert.ok(Math.abs(decodeTime(a) - Date.now()) < 60_000);
}
