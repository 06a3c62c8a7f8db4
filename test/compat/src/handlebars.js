// handlebars: a template compiled at run time, helpers
import assert from 'node:assert/strict';
import Handlebars from 'handlebars';
export async function run() {
  Handlebars.registerHelper('up', (s) => s.toUpperCase());
  assert.equal(Handlebars.compile('{{#each list}}{{up this}},{{/each}}{{x}}')({ list: ['a', 'b'], x: '<' }), 'A,B,&lt;');
}
