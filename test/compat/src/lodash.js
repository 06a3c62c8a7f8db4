// lodash: groupBy, debounce, template-free helpers, cloneDeep
import assert from 'node:assert/strict';
import _, { groupBy } from 'lodash';
import get from 'lodash/get';
export async function run() {
  assert.deepEqual(groupBy([1, 2, 3], (n) => n % 2), { 0: [2], 1: [1, 3] });
  assert.equal(get({ a: [{ b: 1 }] }, 'a[0].b'), 1);
  const deep = { d: new Date(0), m: new Map([[1, { x: 1 }]]), r: /a/g };
  assert.ok(_.isEqual(_.cloneDeep(deep), deep));
  let n = 0;
  const later = _.debounce(() => n++, 5);
  later(); later();
  await new Promise((done) => setTimeout(done, 30));
  assert.equal(n, 1);
  assert.equal(_.template('<b><%- x %></b>')({ x: '<' }), '<b>&lt;</b>');
}
