import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { fromText, inline, toText } from '../src/adf.js';
import { isDay, localeOf, monthOf, shift, weekStart } from '../src/days.js';
import { names, shapes } from '../src/icons.data.js';
import { arc, linear, series, ticks } from '../src/scale.js';
import { all, say } from '../src/texts.js';

test('a text becomes a document, and is the same text again', () => {
  const texts = ['One\n\nTwo **bold** _em_ `code` ~~no~~ [link](https://example.com)', '# Head\n\n- a\n- b\n\n1. x\n2. y', '> quoted\n> more', '```js\nlet a = "**x**";\n```', '---', 'snake_case_name and 2*3*4', ''];
  for (const t of texts) assert.equal(toText(fromText(t)), t, t);
  assert.deepEqual(fromText('a\nb').content, [{ type: 'paragraph', content: [{ type: 'text', text: 'a' }, { type: 'hardBreak' }, { type: 'text', text: 'b' }] }]);
  assert.deepEqual(inline('**a _b_**'), [{ type: 'text', text: 'a ', marks: [{ type: 'strong' }] }, { type: 'text', text: 'b', marks: [{ type: 'strong' }, { type: 'em' }] }]);
});

test('documents of others are read with care', () => {
  for (const odd of [null, 7, [], {}, { type: 'doc', content: 'x' }, { type: 'bulletList' }, { type: 'text', marks: 'x' }, { type: 'date', attrs: { timestamp: 'x' } }, { type: 'heading', attrs: { level: 1e9 } }]) assert.equal(typeof toText(odd), 'string');
  const loop = { type: 'doc', content: [] };
  loop.content.push(loop);
  assert.equal(typeof toText(loop), 'string');
  inline('*'.repeat(100_000));
  inline('**'.repeat(5_000));
});

test('days', () => {
  assert.equal(shift('2026-01-31', 0, 1), '2026-02-28');
  assert.equal(shift('2024-03-01', -1), '2024-02-29');
  assert.equal(shift('2026-12-31', 1), '2027-01-01');
  const weeks = monthOf('2026-11-22', 1);
  assert.deepEqual([weeks.length, weeks[0][0], weeks.at(-1).at(-1)], [6, '2026-10-26', '2026-12-06']);
  assert.equal(monthOf('2026-02-01', 0).length, 4);
  assert.equal(monthOf('9999-12-15', 1).length <= 6, true);
  assert.equal(monthOf('0001-01-15', 1).length <= 6, true);
  assert.deepEqual(['2026-11-22', '2026-99-99', '0000-01-01', 'x', undefined, 7].map(isDay), [true, false, false, false, false, false]);
  assert.deepEqual(['de-de', 'xx_!!', '7', 'no such'].map(localeOf), ['de-DE', undefined, undefined, undefined]);
  assert.equal(weekStart('en-US'), 0);
  assert.equal(weekStart('de-DE'), 1);
  assert.equal(weekStart('no such locale'), 1);
});

test('scales', () => {
  assert.deepEqual(ticks(0, 20), [0, 5, 10, 15, 20]);
  assert.deepEqual(ticks(-3, 3), [-4, -2, 0, 2, 4]);
  assert.deepEqual(ticks(0, 0), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  for (const odd of [[0, Infinity], [-Infinity, 0], [NaN, 1], [0, 5e-324], [-1e308, 1e308]]) assert.ok(ticks(...odd).length < 20);
  assert.equal(linear([0, 10], [100, 0])(5), 50);
  assert.equal(linear([1, 1], [0, 9])(1), 0);
  assert.match(arc(10, 10, 0, 8, 0, 1), /^M10 2A8 8/);
  const s = series([['a', 1, 'x'], ['a', 2, 'x'], ['b', 'no', 'x'], null, ['b', 4, 'y']], 0, 1, 2);
  assert.deepEqual([s.places, s.names, s.at('a', 'x'), s.at('a', 'y')], [['a', 'b'], ['x', 'y'], 3, undefined]);
});

test('a chart draws what can be drawn: not each of five thousand series at each of five thousand places', () => {
  const odd = series(Array.from({ length: 5000 }, (_, i) => [`p${i}`, i, `s${i}`]), 0, 1, 2);
  assert.ok(odd.names.length <= 50 && odd.names.length * odd.places.length <= 10_000, `${odd.names.length} × ${odd.places.length}`);
  assert.equal(series(Array.from({ length: 5000 }, (_, i) => [`p${i}`, i]), 0, 1).places.length, 5000);
});

test('every name of an icon has a shape', () => {
  for (const [name, shape] of Object.entries(names)) assert.ok(shapes[shape], name);
  assert.ok(shapes.unknown);
});

// docs/ui-kit.md says what is drawn; components.js draws it.
const components = readFileSync(new URL('../src/components.js', import.meta.url), 'utf8').replace(/^import .*$/gm, '');
test('the page of components is the list of components', () => {
  const page = readFileSync(new URL('../../../../docs/ui-kit.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| ([^|]+) \|/gm)].flatMap((m) => [...m[1].matchAll(/`([A-Za-z]+)`/g)].map((x) => x[1]));
  const have = [...components.matchAll(/(?:^|[{,])\s*([A-Z][A-Za-z]+)(?=:|,)/gm)].map((m) => m[1]).filter((n) => n !== 'Unknown');
  const roots = [...components.matchAll(/'([A-Z][A-Za-z]+)'/g)].map((m) => m[1]);
  assert.deepEqual(listed.slice().sort(), [...new Set([...have, ...roots])].sort());
});

test('nothing that the kit is for is missing', () => {
  const wanted = `AdfRenderer AtlassianIcon AtlassianTile Badge BarChart Bleed Box Breadcrumbs BreadcrumbsItem Button ButtonGroup Calendar Checkbox CheckboxGroup ChromelessEditor Code CodeBlock Comment CommentEditor DatePicker DonutChart
    DynamicTable EmptyState ErrorMessage FileCard FilePicker Form FormHeader FormSection FormFooter Frame Heading HelperMessage HorizontalBarChart HorizontalStackBarChart Icon Image Inline InlineEdit Label LineChart Link LinkButton List ListItem
    LoadingButton Lozenge Modal ModalBody ModalFooter ModalHeader ModalTitle ModalTransition Pagination PieChart Popup Pressable ProgressBar ProgressTracker Radio RadioGroup Range RequiredAsterisk SectionMessage SectionMessageAction Select
    Spinner Stack StackBarChart Tabs Tab TabList TabPanel Tag TagGroup Text TextArea Textfield Tile TimePicker Toggle Tooltip User UserGroup UserPicker ValidMessage
    Strong Em Strike ButtonSet DateLozenge StatusLozenge ErrorPanel Table Head Row Cell ModalDialog InlineDialog TextField FormCondition ThreeLOPrompt IssuePanel Macro MacroConfig GlobalPage AdminPage DashboardGadget DashboardGadgetEdit CustomField CustomFieldEdit ContextMenu`.split(/\s+/);
  assert.deepEqual(wanted.filter((w) => !new RegExp(`\\b${w}\\b`).test(components)), []);
});

test('what the platform passes on is drawn', () => {
  const passed = readFileSync(new URL('../../../../internal/core/uitree/components.go', import.meta.url), 'utf8').match(/set\(`([^`]+)`/)[1].split(/\s+/);
  // An option is drawn by its select, a text by itself.
  assert.deepEqual(passed.filter((name) => !['Option', 'String'].includes(name) && !new RegExp(`\\b${name}\\b`).test(components)), []);
});

test('no component says a word of its own beside the texts', () => {
  const folder = new URL('../src/parts/', import.meta.url);
  const found = [];
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [line] of source.matchAll(/\b(?:aria-label|title|label|placeholder|kind)="[^"]*[a-z]{3}[^"]*"|\b(?:aria-label|title|label|placeholder)=\{[^}\n]*(?:\|\||\?|:) ['`][A-Z]?[a-z]{2}[^'`]*['`]|\|\| '[A-Z][a-z]+[^']*'|>[A-Z][a-z]+ ?[a-z]*</g)) {
      if (!/kind="\w+Chart"|kit\.say\(|dateStyle/.test(line)) found.push(`${file}: ${line}`);
    }
  }
  assert.deepEqual(found, []);
});

test('the kit says the same in each language, with the same names in it', () => {
  const holes = (words) => Object.entries(words).map(([key, t]) => [key, ...(t.match(/\{\w+\}/g) ?? [])].join(' ')).sort();
  for (const [language, words] of Object.entries(all)) assert.deepEqual(holes(words), holes(all.en), language);
  assert.equal(say('de-AT', 'remove', { name: 'Alice' }), 'Alice entfernen');
  assert.equal(say('pt-BR', 'find'), 'Find a person');
  assert.equal(say('en', 'user', { id: '$&{id}' }), 'User $&{id}');
});
