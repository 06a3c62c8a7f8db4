// node-html-parser: query and change
import assert from 'node:assert/strict';
import { parse } from 'node-html-parser';
export async function run() {
  const root = parse('<div id="a"><p class="x">hi</p></div>');
  assert.equal(root.querySelector('#a > p.x').text, 'hi');
}
