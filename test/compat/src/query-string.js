// query-string: parse and stringify
import assert from 'node:assert/strict';
import queryString from 'query-string';
export async function run() {
  assert.deepEqual({ ...queryString.parse('?a=1&a=2&b=x') }, { a: ['1', '2'], b: 'x' });
  assert.equal(queryString.stringifyUrl({ url: 'https://example.com/x', query: { q: 'a b' } }), 'https://example.com/x?q=a%20b');
}
