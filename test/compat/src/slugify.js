// slugify: text to a slug
import assert from 'node:assert/strict';
import slugify from 'slugify';
export async function run() {
  assert.equal(slugify('Hällo, Wörld!', { lower: true, strict: true }), 'hallo-world');
}
