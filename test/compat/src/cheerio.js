// cheerio: selectors, changes, rendering
import assert from 'node:assert/strict';
import * as cheerio from 'cheerio';
export async function run() {
  const $ = cheerio.load('<ul><li class="a">one</li><li>two</li></ul>');
  $('li.a').text('ONE & only').attr('id', 'x');
  assert.deepEqual($('li').map((_, e) => $(e).text()).get(), ['ONE & only', 'two']);
  assert.match($.html(), /<li class="a" id="x">ONE &amp; only<\/li>/);
}
