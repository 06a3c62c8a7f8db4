// mustache: sections and escaping
import assert from 'node:assert/strict';
import Mustache from 'mustache';
export async function run() {
  assert.equal(Mustache.render('{{#list}}<{{.}}>{{/list}}{{^none}}-{{/none}}', { list: ['a', '&'] }), '<a><&amp;>-');
}
