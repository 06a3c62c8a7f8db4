// reflect-metadata: metadata of a class
import assert from 'node:assert/strict';
import 'reflect-metadata';
export async function run() {
  class A {}
  Reflect.defineMetadata('k', 1, A);
  assert.equal(Reflect.getMetadata('k', A), 1);
}
