import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Handle, MAX_DEPTH, Slot, Tree, TreeError } from '../src/tree.js';

const text = (t, key) => ({ type: 'String', key, props: { text: t } });
const tree = () => {
  const t = new Tree();
  t.load({ type: 'Root', key: 'r', props: {}, children: [
    { type: 'Button', key: 'b', props: { onClick: { $fn: 'h1' }, icon: { $el: { type: 'Icon', key: 'i', props: { glyph: 'add' } } } }, children: [text('Go', 't')] },
    { type: 'Stack', key: 's', children: [{ type: 'Text', key: 'x', children: [text('one', 't1')] }] },
  ] });
  return t;
};

test('functions become handles, elements in props become nodes of their own', () => {
  const t = tree();
  assert.ok(t.get('b').props.onClick instanceof Handle);
  assert.equal(t.get('b').props.onClick.id, 'h1');
  assert.ok(t.get('b').props.icon instanceof Slot);
  assert.equal(t.get('i').props.glyph, 'add');
  assert.equal(t.get('i').parent, 'b');
  assert.equal(t.text('r'), 'Goone');
});

test('patches: props, children with moves, replacement', () => {
  const t = tree();
  let dirty = t.patch([{ op: 'props', key: 'b', set: { isDisabled: true, onClick: { $fn: 'h2' } }, unset: ['icon'] }]);
  assert.deepEqual([...dirty], ['b']);
  dirty = t.patch([{ op: 'props', key: 'b', set: { icon: { $el: { type: 'Icon', key: 'i', props: { glyph: 'edit' } } } } }]);
  assert.deepEqual([...dirty], ['b', 'i'], 'what is set anew is drawn anew');
  t.patch([{ op: 'props', key: 'b', unset: ['icon'] }]);
  assert.equal(t.get('b').props.onClick.id, 'h2');
  assert.equal(t.get('b').props.icon, undefined);
  dirty = t.patch([{ op: 'children', key: 's', children: [{ type: 'Text', key: 'y', children: [] }, 'x', 'b'] }, { op: 'children', key: 'r', children: ['s'] }]);
  assert.deepEqual(t.get('s').children, ['y', 'x', 'b']);
  assert.equal(t.get('b').parent, 's');
  assert.ok(dirty.has('s') && dirty.has('r'));
  t.patch([{ op: 'children', key: 's', children: ['x'] }]);
  assert.equal(t.get('y'), undefined);
  assert.equal(t.get('t'), undefined, 'what was below goes too');
  dirty = t.patch([{ op: 'replace', key: 'x', node: { type: 'Heading', key: 'h' } }]);
  assert.deepEqual(t.get('s').children, ['h']);
  assert.ok(dirty.has('s'));
  t.patch([{ op: 'replace', key: 'r', node: { type: 'Root', key: 'r2' } }]);
  assert.equal(t.root, 'r2');
  assert.equal(t.nodes.size, 1);
});

test('an element in a prop can be replaced', () => {
  const t = tree();
  t.patch([{ op: 'replace', key: 'i', node: { type: 'Badge', key: 'j' } }]);
  assert.equal(t.get('b').props.icon.key, 'j');
});

test('a component that reads what is below it is drawn with it', () => {
  const t = new Tree();
  t.load({ type: 'Root', key: 'r', children: [{ type: 'Select', key: 's', children: [{ type: 'Option', key: 'o', props: { label: 'a' } }] }] });
  assert.deepEqual([...t.patch([{ op: 'props', key: 'o', set: { label: 'b' } }])].sort(), ['o', 's']);
});

test('what does not fit is refused as a whole', () => {
  const t = tree();
  const bad = [
    [{ op: 'props', key: 'nobody', set: {} }], [{ op: 'paint', key: 'b' }], 'x', [null],
    [{ op: 'children', key: 's', children: ['s'] }], [{ op: 'children', key: 'x', children: ['s'] }], [{ op: 'children', key: 's', children: ['x', 'x'] }],
    [{ op: 'children', key: 's', children: [{ key: 'q' }] }],
  ];
  for (const patches of bad) {
    assert.throws(() => t.patch([{ op: 'props', key: 'b', set: { marker: 1 } }].concat(patches)), TreeError, JSON.stringify(patches));
    assert.equal(t.get('b').props.marker, undefined);
  }
  let deep = { type: 'Text', key: 'd' };
  for (let i = 0; i < MAX_DEPTH + 2; i++) deep = { type: 'Box', key: `d${i}`, children: [deep] };
  assert.throws(() => t.load(deep), /deep/);
  let value = {};
  for (let i = 0; i < MAX_DEPTH + 2; i++) value = { value };
  assert.throws(() => t.load({ type: 'Box', key: 'b', props: { value } }), /deep/);
  assert.throws(() => t.load({ type: 'Root', key: 'r', children: Array.from({ length: 20_001 }, (_, i) => ({ type: 'Box', key: `k${i}` })) }), /large/);
  assert.equal(t.root, 'r', 'the tree from before stays');
});

test('names of the language are only names', () => {
  const t = new Tree();
  t.load(JSON.parse('{"type": "Root", "key": "__proto__", "props": {"__proto__": {"polluted": 1}, "constructor": "c"}, "children": []}'));
  assert.equal({}.polluted, undefined);
  assert.equal(t.get('__proto__').props.constructor, 'c');
  assert.equal(t.get('toString'), undefined);
});

test('elements of props that were set anew do not gather without end', () => {
  const t = tree();
  for (let i = 0; i < 300; i++) t.patch([{ op: 'props', key: 'b', set: { icon: Array.from({ length: 100 }, (_, j) => ({ $el: { type: 'Icon', key: `i${i}-${j}` } })) } }]);
  assert.ok(t.nodes.size <= 20_001);
  assert.ok(t.get('i299-99'));
});
