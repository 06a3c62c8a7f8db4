// validator: e-mail addresses, URLs, escaping
import assert from 'node:assert/strict';
import validator from 'validator';
export async function run() {
  assert.ok(validator.isEmail('a@example.com') && !validator.isURL('x y') && validator.isISO8601('2026-01-01'));
  assert.equal(validator.escape('<a>'), '&lt;a&gt;');
}
