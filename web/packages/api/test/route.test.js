import assert from 'node:assert/strict';
import test from 'node:test';
import { URLSearchParams } from '@annex/runtime/url';
import api, { asApp, asUser, assumeTrustedRoute, requestJira, route, routeFromAbsolute } from '../src/index.js';

test('values after the question mark are encoded', () => {
  assert.equal(route`/s?jql=${'a="b" & c/d'}&n=${5}`.value, '/s?jql=a%3D%22b%22%20%26%20c%2Fd&n=5');
  assert.equal(route`/s?${new URLSearchParams({ a: 'b c' })}`.value, '/s?a=b+c');
  assert.equal(route`/s#${'a b'}`.value, '/s#a%20b');
  assert.equal(route`${route`/a?x=1`}&y=${'/'}`.value, '/a?x=1&y=%2F');
});

test('values in the path cannot leave their place', () => {
  const bad = ['..', '.', 'a/b', 'a\\b', 'a?b', 'a#b', '../x', '%2e%2e', '%2E.', '.%2e', '%2f', '%5c', '%3f', '%23', '%252e%252e', '%25252f', '%2525252525252525252525252f', 'a\tb', '.\t.', 'a\nb', '%0a', '\0', '%00', 'x..y'];
  for (const value of bad) assert.throws(() => route`/p/${value}/q`, { name: 'RouteError', code: 'ROUTE_INVALID' }, JSON.stringify(value));
  for (const value of ['PROJ-1', 'a b', 'ü', '50%', 'a.b', 'a:b', '%41', '', 0, -1n, true]) assert.equal(route`/p/${value}/q`.value, `/p/${value}/q`);
});

test('a value cannot complete a dot segment that the template began', () => {
  assert.throws(() => route`/p/.${'%2e'}/q`, { code: 'ROUTE_INVALID' });
  assert.throws(() => route`/p/${'.'}./q`, { code: 'ROUTE_INVALID' });
  assert.throws(() => route`/p/.${''}./q`, { code: 'ROUTE_INVALID' });
  assert.equal(route`/p/${'a'}.json`.value, '/p/a.json');
});

test('no value makes another path, for all short strings of dangerous characters', () => {
  const alphabet = ['.', '/', '\\', '%', '2', 'e', 'f', '5', 'c', 'a', '?', '#', '\t'];
  let refused = 0;
  for (const a of alphabet) for (const b of alphabet) for (const c of alphabet) for (const d of ['', ...alphabet]) {
    const value = a + b + c + d;
    let made;
    try {
      made = route`/base/${value}/end`.value;
    } catch {
      refused++;
      continue;
    }
    // As a URL parser reads it, and as one that decodes first.
    for (const path of [made, safeDecode(made), safeDecode(safeDecode(made))]) {
      const segments = new URL(`https://h.example${path}`).pathname.split('/');
      assert.deepEqual([segments.length, segments[1], segments[3]], [4, 'base', 'end'], JSON.stringify(value));
    }
  }
  assert.ok(refused > 1000);
});
const safeDecode = (s) => s.replace(/%([0-9a-f]{2})/gi, (_, h) => String.fromCharCode(parseInt(h, 16)));

test('a bare string is no route, and a likeness of one neither', async () => {
  for (const path of ['/rest/api', undefined, null, { value: '/x' }, Object.create(Object.getPrototypeOf(route`/x`)), ['/x']]) {
    for (const call of [asApp().requestJira, asUser().requestConfluence, asUser('u').requestJira, requestJira, api.requestJira]) await assert.rejects(call(path), { code: 'ROUTE_REQUIRED' });
  }
  await assert.rejects(asApp().requestProduct('tracker', '/x'), { code: 'ROUTE_REQUIRED' });
  await assert.rejects(requestJira(route`/x`), { code: 'NOT_OFFERED', member: 'requestJira without asApp() or asUser()' });
  assert.throws(() => route('/x'), { code: 'ROUTE_REQUIRED' });
  assert.throws(() => new (route`/x`.constructor)('/y'), TypeError);
  assert.throws(() => { 'use strict'; route`/x`.value = '/y'; }, TypeError);
});

test('trusted and absolute routes', () => {
  assert.equal(assumeTrustedRoute('/a/../b').value, '/a/../b');
  for (const bad of ['a', 'https://x.example/', '', 5]) assert.throws(() => assumeTrustedRoute(bad), { code: 'ROUTE_INVALID' });
  assert.equal(routeFromAbsolute('https://h.example/a?b=c#d').value, '/a?b=c#d');
  assert.throws(() => routeFromAbsolute('/a'), { code: 'ROUTE_INVALID' });
  assert.throws(() => routeFromAbsolute('data:text/plain,x'), { code: 'ROUTE_INVALID' });
});
