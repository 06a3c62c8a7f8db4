// html-to-text: headings, links, tables
import assert from 'node:assert/strict';
import { convert } from 'html-to-text';
export async function run() {
  assert.match(convert('<h1>Title</h1><p>See <a href="https://example.com">this</a></p>'), /TITLE\n\nSee this \[https:\/\/example.com\]/);
}
