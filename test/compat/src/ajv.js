// ajv: a schema compiled and applied
import assert from 'node:assert/strict';
import Ajv from 'ajv';
export async function run() {
  const check = new Ajv({ allErrors: true }).compile({ type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'], additionalProperties: false });
  assert.equal(check({ n: 1 }), true);
  assert.equal(check({ n: 0, x: 1 }), false);
  assert.equal(check.errors.length, 2);
}
