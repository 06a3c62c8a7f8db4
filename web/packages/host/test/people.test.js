import { test } from 'node:test';
import assert from 'node:assert/strict';
import { people } from '../src/people.js';

const PNG = 'data:image/png;base64,iVBORw0KGgo=';

test('people who are shown together are asked for together, each once', async () => {
  const asked = [];
  const known = people(async (what) => {
    asked.push(what);
    return { people: what.ids.filter((id) => id !== 'nobody').map((id) => ({ accountId: id, displayName: id.toUpperCase() })) };
  });
  const [one, two] = await Promise.all([known.get(['a', 'nobody']), known.get(['b', 'a'])]);
  assert.deepEqual([one, two].map((some) => some.map((p) => p.displayName)), [['A'], ['B', 'A']]);
  assert.deepEqual(asked, [{ ids: ['a', 'nobody', 'b'] }]);
  await known.get(['a']);
  assert.equal(asked.length, 1);
  await known.get(Array.from({ length: 120 }, (_, i) => `x${i}`));
  assert.deepEqual(asked.slice(1).map((w) => w.ids.length), [50, 50, 20]);
});

test('one odd id hides nobody, and what failed is asked again', async () => {
  let fails = true;
  const known = people(async ({ ids }) => {
    if (fails) throw new Error('not now');
    return { people: ids.map((id) => ({ accountId: id, displayName: id })) };
  });
  await assert.rejects(known.get(['a']), /not now/);
  fails = false;
  assert.deepEqual((await known.get(['', 'a', 'b\u0000', 'c\u202e', 'd'.repeat(256)])).map((p) => p.accountId), ['a']);
});

test('a picture of a person is one in the address itself', async () => {
  const given = { a: PNG, b: 'https://evil.example/b.png', c: '/c.png', d: 'data:text/html;base64,AAAA', e: 'data:image/svg+xml;base64,PHN2Zy8+', f: `${PNG}" onload="x`, g: 'data:image/svg+xml,<svg/>' };
  const known = people(async ({ pictures }) => ({ pictures: Object.fromEntries(pictures.map((id) => [id, given[id]])) }));
  const got = await Promise.all([...Object.keys(given), 'nobody'].map((id) => known.picture(id)));
  assert.deepEqual(got, [PNG, undefined, undefined, undefined, given.e, undefined, undefined, undefined]);
});
