import { test } from 'node:test';
import assert from 'node:assert/strict';
import { link, picture } from '../src/safe.js';
import { color, token } from '../src/tokens.js';
import { compile, declare } from '../src/xcss.js';

test('links: https, mail, and places in the product', () => {
  for (const ok of ['https://example.com', 'https://example.com/a?b#c', 'HTTPS://example.com/', 'mailto:alice@example.com', '/browse/AB-1', 'pages/2', '#there', '?q=1']) assert.equal(link(ok), ok);
  for (const no of ['http://example.com', 'javascript:alert(1)', ' javascript:alert(1)', 'JAVASCRIPT:x', 'java\nscript:x', 'data:text/html,x', 'blob:https://x/y', 'vbscript:x', 'file:///x', '//example.com', '\\\\example.com', '/\\example.com',
    'https:example.com', 'https:/example.com', 'https://', 'https://a@b/', 'https:\\\\example.com', 'https://exa\u200bmple.com', 'https://example.com/\u202e', 'tel:1', '', 7, null, {}, [], 'https://e/' + 'x'.repeat(9000)]) assert.equal(link(no), null, String(no).slice(0, 40));
});

test('pictures: https, in the address itself, and files of the app', () => {
  const asset = (p) => `https://app.example/v/${p}`;
  assert.equal(picture('https://example.com/x.png'), 'https://example.com/x.png');
  assert.equal(picture('data:image/png;base64,AAAA'), 'data:image/png;base64,AAAA');
  assert.equal(picture('img/x.png', asset), 'https://app.example/v/img/x.png');
  assert.equal(picture('resource:main;x.png', asset), 'https://app.example/v/resource:main;x.png');
  assert.equal(picture('img/x.png'), null, 'without files there is none');
  for (const no of ['data:text/html,x', 'data:image/svg,x', 'http://x/y', 'mailto:a@b', '//x/y', '../x.png', 'a/../../x', 'a/%2e%2E/x', 'resource:main;../x', 'resource:../x', 'blob:x', 'cid:x', 'a\\b']) assert.equal(picture(no, asset), null, no);
});

test('xcss: tokens and plain values of an allow-list', () => {
  assert.deepEqual(declare('padding', 'space.100'), ['padding', '8px']);
  assert.deepEqual(declare('marginTop', 'space.negative.150'), ['margin-top', '-12px']);
  assert.deepEqual(declare('padding', 'space.100 space.200'), ['padding', '8px 16px']);
  assert.deepEqual(declare('backgroundColor', 'color.background.accent.blue.subtlest'), ['background-color', 'var(--k-blue-subtlest)']);
  assert.deepEqual(declare('backgroundColor', 'elevation.surface.raised'), ['background-color', 'var(--k-surface-raised)']);
  assert.deepEqual(declare('width', 'calc(100% - 20px)'), ['width', 'calc(100% - 20px)']);
  assert.deepEqual(declare('gridTemplateColumns', 'repeat(auto-fit, minmax(10rem, 1fr))'), ['grid-template-columns', 'repeat(auto-fit, minmax(10rem, 1fr))']);
  assert.deepEqual(declare('width', 200), ['width', '200px']);
  assert.deepEqual(declare('lineHeight', 1.5), ['line-height', '1.5']);
  assert.deepEqual(declare('opacity', 0.5), ['opacity', '0.5']);
  assert.deepEqual(declare('border', '1px solid color.border'), ['border', '1px solid var(--k-border)']);
  assert.deepEqual(declare('boxShadow', 'elevation.shadow.overlay'), ['box-shadow', 'var(--k-shadow-overlay)']);
  assert.deepEqual(declare('color', '#123abc'), ['color', '#123abc']);
  assert.deepEqual(declare('fontWeight', 'font.weight.bold'), ['font-weight', '700']);
  assert.deepEqual(declare('display', 'flex'), ['display', 'flex']);
  for (const [name, value] of [['backgroundImage', 'url(https://x)'], ['background', 'red'], ['backgroundColor', 'url(https://x)'], ['width', 'url(x)'], ['width', 'var(--x)'], ['width', 'attr(x)'], ['width', 'env(x)'], ['width', '1px;color:red'],
    ['width', '1px}'], ['width', '\\75rl(x)'], ['cursor', 'url(x), auto'], ['content', '"x"'], ['position', 'fixed'], ['position', 'sticky'], ['zIndex', 9], ['filter', 'blur(1px)'], ['fontFamily', 'x'], ['color', 'expression(x)'],
    ['boxShadow', '0 0 1px url(x)'], ['border', '1px solid url(x)'], ['display', 'list-item'], ['--x', '1'], ['cssText', 'x'], ['toString', 'x'], ['__proto__', 'x'], ['width', 'src("x")'], ['width', '(url)(x)'], ['padding', 'image-set(x)'],
    ['transition', 'all 1s'], ['animation', 'x'], ['width', '/**/url(x)'], ['width', 'calc(url(x))'], ['listStyleType', '"x"'], ['width', {}], ['width', NaN], ['width', 'x'.repeat(300)]]) assert.equal(declare(name, value), null, `${name}: ${String(value).slice(0, 30)}`);
});

test('xcss: long values of one sign are refused at once', () => {
  // A grammar that tries all ways to read these would not come back.
  for (const c of ['a', '1', 'a-', '1.', '( ', '1 ']) declare('width', c.repeat(100).slice(0, 199) + '!');
});

test('xcss: states are an allow-list too', () => {
  const rules = compile([{ color: 'color.text', ':hover': { color: 'color.text.subtle' }, ':hover, body': { color: 'color.text' }, '@media print': { color: 'color.text' } }, null, 'x', { width: '1px' }]);
  assert.deepEqual([...rules], [['', [['color', 'var(--k-ink)'], ['width', '1px']]], [':hover', [['color', 'var(--k-ink-subtle)']]]]);
});

test('tokens that are none have no value', () => {
  for (const no of ['color', 'color.', 'colour.text', 'color.text); x', 'color.unknown.x', 'elevation', 'space.x', 'space.100px', '__proto__', 'constructor']) {
    for (const kind of ['color', 'length', 'radius', 'line', 'weight', 'size', 'shadow', 'number', 'word']) assert.equal(token(no, kind), null, `${no} as ${kind}`);
  }
  assert.match(color('color.background.danger.bold.hovered'), /^color-mix\(in srgb, var\(--k-red-bolder\)/);
});
