// marked: markdown to HTML
import assert from 'node:assert/strict';
import { marked } from 'marked';
export async function run() {
  assert.equal(marked.parse('# A\n\n* b **c**\n').replace(/\n/g, ''), '<h1>A</h1><ul><li>b <strong>c</strong></li></ul>');
}
