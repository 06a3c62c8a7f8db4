// The renderer of UI Kit trees in a real browser, on a page with a shell's policy.
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { page as root, parts } from './kit/gallery.js';
import { serve } from './kit/server.js';
import { el, fn, slot } from './kit/tree.js';

// PICTURES=FOLDER writes pictures of the gallery.
const pictures = process.env.PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let site, browser, context, page, complaints;
before(async () => {
  site = await serve();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'] });
});
after(async () => {
  await browser?.close();
  site?.stop();
});
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 800, height: 900 }, reducedMotion: 'reduce' });
  page = await context.newPage();
  complaints = [];
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(e.stack));
  await page.goto(site.url);
  await page.waitForFunction('window.ready');
});
afterEach(async () => {
  assert.deepEqual(await page.evaluate('window.reports ?? []'), [], 'components which could not be drawn');
  await context.close();
});

const start = (...nodes) => page.evaluate((tree) => window.start(tree), root(nodes));
const apply = (...messages) => page.evaluate((m) => window.apply(...m), messages);
const sent = () => page.evaluate(() => window.sent.map(({ handle, args }) => [handle, ...args]));

// check runs axe-core in a world of the browser that the page's policy does not reach.
async function check(name) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
  await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], rules: { 'page-has-heading-one': { enabled: false }, 'heading-order': { enabled: false } } }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 200) + (n.any[0] ? ' [' + n.any[0].message + ']' : '')).join(' | '))))`,
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, `axe-core did not run on ${name}`);
  assert.deepEqual(JSON.parse(result.value), [], `what is hard to use in ${name}`);
  await session.detach();
}

test('what the kit says itself is in the reader’s language, and the app’s words stay', async () => {
  const tree = root([el('UserPicker', { label: 'Owner', name: 'owner' }), el('Select', { label: 'Sort', name: 'sort', options: [] }), el('UserGroup', { accountIds: ['u-alice', 'u-bob'] })]);
  await page.evaluate((t) => window.start(t, { locale: 'de-DE' }), tree);
  await page.getByPlaceholder('Person suchen').waitFor();
  await page.getByPlaceholder('Auswählen …').waitFor();
  await page.getByRole('group', { name: '2 Personen' }).waitFor();
  await page.getByText('Owner').waitFor();
});

test('labels that only a screen reader meets are in the reader’s language too', async () => {
  const tree = root([el('TagGroup', {}, el('Tag', { text: 'rot', onAfterRemoveAction: fn('x') })), el('ProgressBar', { value: 0.5 }), el('Spinner', {}), el('SectionMessage', { appearance: 'warning' }, 'x'),
    el('Tabs', {}, el('TabList', {}, el('Tab', {}, 'Eins')), el('TabPanel', {}, 'x')), el('BarChart', { data: [['a', 1]], xAccessor: 0, yAccessor: 1 }), el('PieChart', { data: [['a', 1]] }), el('FileCard', { fileName: 'a.txt', onDownload: fn('d'), onRetry: fn('r') }),
    el('FilePicker', { label: 'Dateien' }), el('Comment', { author: 'Alice', edited: true, content: 'x' }), el('Breadcrumbs', {}), el('InlineEdit', { label: 'Name', defaultValue: 'x' }), el('Mystery', {}, 'x'),
    el('AdfRenderer', { document: { type: 'doc', content: [{ type: 'taskList', content: [{ type: 'taskItem', attrs: { state: 'DONE' }, content: [] }] }, { type: 'expand', content: [] }] } })]);
  await page.evaluate((t) => window.start(t, { locale: 'de-DE' }), tree);
  for (const label of ['Schlagwörter', 'rot entfernen', 'Fortschritt', 'Wird geladen', 'Warnung', 'Registerkarten', 'a.txt herunterladen', 'a.txt noch einmal versuchen', 'Kommentar', 'Pfad', 'Name bearbeiten', 'erledigt', 'Mystery ist in diesem Produkt nicht bekannt']) {
    assert.ok(await page.getByLabel(label, { exact: true }).count() > 0, label);
  }
  for (const words of ['Balkendiagramm', 'Kreisdiagramm', 'Anteil', 'oder Dateien hier ablegen', 'Mehr']) assert.ok(await page.getByText(words, { exact: true }).count() > 0, words);
});

describe('the gallery', () => {
  for (const [name, nodes] of Object.entries(parts)) {
    test(`${name}: can be read by everybody, on a phone and a desk, by day and by night`, async () => {
      await start(...nodes());
      for (const [width, scheme, suffix] of [[800, 'light', ''], [800, 'dark', '-dark'], [360, 'light', '-phone']]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (pictures) await page.screenshot({ path: join(pictures, `kit-${name}${suffix}.png`), fullPage: true });
        assert.ok(over <= 0, `${name} is ${over} px wider than ${width}`);
        await check(`${name} at ${width} (${scheme})`);
      }
      const marked = await page.locator('.k-unknown').evaluateAll((all) => all.map((e) => e.title || e.textContent));
      assert.deepEqual(marked, name === 'layout' ? ['Mystery is not a component of this product'] : []);
      const refused = await page.evaluate(() => window.violations);
      assert.deepEqual(refused.filter((v) => !v.includes('not-granted.example')), []);
      assert.deepEqual(complaints.filter((c) => !c.includes('not-granted.example')), []);
    });
  }
});


test('a button beside a field keeps its word on one line', async () => {
  await start(el('Inline', { space: 'space.100' }, el('Textfield', { 'aria-label': 'Name' }), el('Button', {}, 'Greet')));
  const lines = await page.getByRole('button', { name: 'Greet' }).evaluate((b) => {
    const words = document.createRange();
    words.selectNodeContents(document.createTreeWalker(b, NodeFilter.SHOW_TEXT).nextNode());
    return new Set([...words.getClientRects()].map((r) => r.top)).size;
  });
  assert.equal(lines, 1);
});

test('by night fields are of the color of what they stand on, a dark blue', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await start(el('Textfield', { 'aria-label': 'F' }), el('Checkbox', { label: 'C' }), el('Radio', { label: 'R', value: 'r' }), el('TextArea', { 'aria-label': 'A', isDisabled: true }), el('FilePicker', { label: 'D' }), el('Lozenge', {}, 'L'));
  const grounds = await page.evaluate(() => [...document.querySelectorAll('.k-input, .k-tick input, .k-lozenge')].map((e) => {
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.fillStyle = getComputedStyle(e).backgroundColor;
    canvas.fillRect(0, 0, 1, 1);
    return [e.className || e.type, ...canvas.getImageData(0, 0, 1, 1).data];
  }));
  assert.ok(grounds.length >= 5, JSON.stringify(grounds));
  for (const [what, red, green, blue, alpha] of grounds) assert.ok(alpha === 255 && blue > green + 5 && blue > red + 5, `${what}: ${[red, green, blue, alpha]}`);
});

const ODD = [null, true, false, 0, -1, 1e308, '', 'x'.repeat(100_000), [], [null], [[[]]], {}, { a: { b: [1, { c: null }] } }, { $fn: 7 }, { $el: null }, fn('f'), slot(el('Text', {}, 'in')), '\u202e<b>', ['a', 3, { label: {}, value: {} }]];
const PROPS = { Modal: ['onClose', 'width', 'size', 'height', 'title', 'header', 'label', 'autoFocus', 'shouldCloseOnEscapePress', 'testId', 'appendButtons'], ModalDialog: ['header', 'closeButtonText', 'appendButtons', 'width', 'onClose'], ModalTitle: ['appearance', 'isMultiline'], ModalHeader: ['hasCloseButton'], ModalBody: ['x'], ModalFooter: ['x'], ModalTransition: ['x'],
  Popup: ['isOpen', 'content', 'trigger', 'placement', 'onClose', 'role', 'label', 'titleId', 'autoFocus', 'offset', 'xcss', 'id'], Tooltip: ['content', 'text', 'position', 'delay', 'xcss'], InlineDialog: ['content'], SectionMessage: ['appearance', 'title', 'actions'], SectionMessageAction: ['href', 'onClick'],
  DropdownMenu: ['trigger', 'items', 'isOpen'], Drawer: ['isOpen', 'width', 'onClose', 'label'], InlineMessage: ['title', 'type', 'secondaryText'], Flag: ['title', 'actions'], Pressable: ['xcss', 'onClick', 'isDisabled'], Box: ['xcss', 'padding', 'backgroundColor', 'as', 'role'], Select: ['options', 'value', 'defaultValue', 'isMulti', 'placeholder'],
  DynamicTable: ['head', 'rows', 'rowsPerPage', 'emptyView', 'caption', 'highlightedRowIndex', 'defaultPage', 'page', 'sortKey', 'isLoading'], Tabs: ['defaultSelected', 'selected', 'onChange', 'id'], InlineEdit: ['defaultValue', 'readView', 'editView', 'label', 'validate'], Comment: ['author', 'avatar', 'time', 'actions', 'content', 'type'], EmptyState: ['header', 'description', 'primaryAction', 'headingLevel', 'width'] };

for (const [type, props] of Object.entries(PROPS)) {
  test(`whatever an app gives ${type}, the view is drawn, and can be used`, async () => {
    await start(el('Text', {}, 'first'));
    for (const prop of props) {
      const odd = ODD.map((value, n) => el(type, { key: `${prop}${n}`, isOpen: true, [prop]: value }, el('Text', {}, `in ${n}`)));
      await page.evaluate((tree) => window.apply({ tree }), root([...odd, el('Text', {}, `after ${prop}`)]));
      await page.getByText(`after ${prop}`, { exact: true }).waitFor({ state: 'attached' });
    }
    await page.evaluate((tree) => window.apply({ tree }), root([el('Button', { onClick: fn('still') }, 'Still here')]));
    await page.getByRole('button', { name: 'Still here' }).click();
    assert.deepEqual((await sent()).at(-1)[0], 'still');
    assert.deepEqual(complaints, []);
  });
}

test('a calendar for a locale that is none, and for days that are none, is a calendar', async () => {
  await start(...['7', 'xx_!!', 'no such'].map((locale) => el('Calendar', { locale, label: locale })), el('Calendar', { label: 'day', selected: ['2026-99-99'] }), el('Calendar', { label: 'begin', defaultSelected: ['0000-00-00'] }));
  assert.equal(await page.getByRole('grid').count(), 5);
});

test('five thousand series of a chart leave the page alive', async () => {
  await start(el('LineChart', { data: Array.from({ length: 5000 }, (_, i) => [`p${i}`, i, `s${i}`]), xAccessor: 0, yAccessor: 1, colorAccessor: 2 }));
  assert.ok(await page.locator('.k-svg circle').count() <= 10_000);
});

describe('fields', () => {
  test('a controlled field keeps every keystroke and its caret while answers come late', async () => {
    await start(el('Textfield', { key: 'f', name: 'n', value: '', onChange: fn('change') }));
    const field = page.getByRole('textbox');
    await field.pressSequentially('hello');
    // The first change left at once; the others wait for its answer, gathered.
    assert.deepEqual((await sent()).map(([, e]) => e.target.value), ['h']);
    await apply({ patches: [{ op: 'props', key: 'f', set: { value: 'h' } }] });
    assert.equal(await field.inputValue(), 'hello');
    await apply({ idle: true, event: 1 });
    assert.deepEqual((await sent()).map(([, e]) => e.target.value), ['h', 'hello']);
    await field.press('Home');
    await field.pressSequentially('X');
    await apply({ patches: [{ op: 'props', key: 'f', set: { value: 'hello' } }] }, { idle: true, event: 2 });
    assert.equal(await field.inputValue(), 'Xhello');
    assert.equal(await field.evaluate((e) => e.selectionStart), 1);
    // The app has the last word, once it has heard all: capitals, say.
    await apply({ patches: [{ op: 'props', key: 'f', set: { value: 'XHELLO' } }] }, { idle: true, event: 3 });
    assert.equal(await field.inputValue(), 'XHELLO');
    assert.equal(await field.evaluate((e) => document.activeElement === e && e.selectionStart), 1);
  });

  test('an app that refuses a change gets its value back', async () => {
    await start(el('Textfield', { value: 'fixed', 'aria-label': 'Fixed', onChange: fn('c') }), el('Toggle', { id: 't', label: 'On', isChecked: false, onChange: fn('t') }));
    await page.getByRole('textbox').pressSequentially('!');
    assert.equal(await page.getByRole('textbox').inputValue(), '!fixed');
    await apply({ idle: true, event: 1 });
    assert.equal(await page.getByRole('textbox').inputValue(), 'fixed');
    await page.getByRole('switch').click();
    assert.equal(await page.getByRole('switch').isChecked(), true);
    await apply({ idle: true, event: 2 });
    assert.equal(await page.getByRole('switch').isChecked(), false);
  });

  test('another event does not overtake what was typed', async () => {
    await start(el('Textfield', { name: 'n', value: '', onChange: fn('change') }), el('Button', { onClick: fn('save') }, 'Save'));
    await page.getByRole('textbox').pressSequentially('abc');
    await page.getByRole('button', { name: 'Save' }).click();
    assert.deepEqual((await sent()).map(([h, e]) => (h === 'change' ? e.target.value : h)), ['a', 'abc', 'save']);
  });

  test('a patch beside a field, and a new order of fields, leave focus and caret alone', async () => {
    await start(el('Stack', { key: 's' }, el('Textfield', { key: 'a', name: 'a', defaultValue: 'first' }), el('Textfield', { key: 'b', name: 'b', defaultValue: 'second' }), el('Text', { key: 'x' }, 'note')));
    const field = page.getByRole('textbox').nth(1);
    await field.focus();
    await field.evaluate((e) => e.setSelectionRange(3, 3));
    await apply({ patches: [{ op: 'children', key: 's', children: ['x', 'a', 'b', { type: 'Text', key: 'y', props: {}, children: [{ type: 'String', props: { text: 'more' } }] }] }] });
    assert.equal(await page.evaluate(() => `${document.activeElement.value}@${document.activeElement.selectionStart}`), 'second@3');
    await page.getByText('more').waitFor();
  });

  test('events have the shapes that apps read', async () => {
    await start(...parts.forms());
    const last = async () => (await sent()).at(-1);
    // Answers come at once here.
    await page.evaluate(() => { window.onsent = (n) => queueMicrotask(() => window.kit.apply({ idle: true, event: n })); });
    await page.getByLabel('Name').fill('Bob');
    let [handle, event] = await last();
    assert.equal(handle, 'name');
    assert.deepEqual([event.type, event.target.value, event.target.name, event.target.id], ['change', 'Bob', 'name', 'name']);
    await page.getByLabel('I agree').check();
    [handle, event] = await last();
    assert.deepEqual([handle, event.target.checked, event.target.value, event.target.name], ['agree', true, 'agree', 'agree']);
    await page.getByRole('group', { name: 'Boxes' }).getByLabel('Green').check();
    assert.deepEqual(await last(), ['boxes', ['red', 'green']]);
    await page.getByRole('radiogroup', { name: 'Radios' }).getByLabel('Red').check();
    [handle, event] = await last();
    assert.deepEqual([handle, event.target.value], ['radio', 'red']);
    await page.getByRole('switch', { name: 'Switch' }).uncheck();
    [handle, event] = await last();
    assert.deepEqual([handle, event.target.checked], ['switch', false]);
    await page.getByRole('slider').press('ArrowRight');
    assert.deepEqual(await last(), ['range', 5]);
    await page.getByLabel('Date').fill('2026-12-24');
    assert.deepEqual(await last(), ['date', '2026-12-24']);
    await page.getByLabel('Time', { exact: true }).fill('18:05');
    assert.deepEqual(await last(), ['time', '18:05']);
    await page.getByRole('button', { name: '23 November' }).click();
    [handle, event] = await last();
    assert.deepEqual([handle, event.iso, event.day, event.month, event.year], ['day', '2026-11-23', 23, 11, 2026]);
    await page.getByLabel('Files').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('hi') });
    await page.getByText('a.txt (2 byte').waitFor();
    assert.deepEqual(await last(), ['files', [{ name: 'a.txt', size: 2, type: 'text/plain', data: 'aGk=' }]]);
    await page.getByRole('button', { name: 'Edit Summary' }).click();
    await page.keyboard.type(' again');
    await page.getByRole('button', { name: 'Confirm' }).click();
    assert.deepEqual(await last(), ['confirm', 'Milk is out again']);
    await page.getByRole('textbox', { name: 'Text', exact: true }).last().fill('**Hi** there');
    await page.getByRole('button', { name: 'Save' }).click();
    [handle, event] = await last();
    assert.deepEqual([handle, event], ['save', { type: 'doc', version: 1, content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Hi', marks: [{ type: 'strong' }] }, { type: 'text', text: ' there' }] }] }]);
    await page.getByRole('button', { name: 'Send' }).click();
    [handle, event] = await last();
    assert.deepEqual([handle, event.name, event.agree, event.boxes, event.radio, event.one, event.range, event.date], ['submit', 'Bob', true, ['red', 'green'], 'red', { label: 'Green', value: 'green' }, 5, '2026-12-24']);
  });

  test('a select is worked by keyboard: search, choose, remove', async () => {
    const options = [{ label: 'Red', value: 'r', extra: { deep: 1 } }, { label: 'Green', value: 'g' }, { label: 'Blue', value: 'b', isDisabled: true }];
    await start(el('Label', { labelFor: 's' }, 'Colour'), el('Select', { id: 's', options, onChange: fn('one') }), el('Label', { labelFor: 'm' }, 'Colours'), el('Select', { id: 'm', isMulti: true, options, onChange: fn('many'), onInputChange: fn('typed') }));
    await page.evaluate(() => { window.onsent = (n) => queueMicrotask(() => window.kit.apply({ idle: true, event: n })); });
    const one = page.getByRole('combobox', { name: 'Colour', exact: true });
    await one.focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('option', { name: 'Red' }).waitFor();
    await check('an open select');
    await page.keyboard.type('gre');
    assert.deepEqual(await page.getByRole('option').allInnerTexts(), ['Green']);
    await page.keyboard.press('Enter');
    assert.equal(await one.inputValue(), 'Green');
    assert.deepEqual((await sent()).at(-1), ['one', { label: 'Green', value: 'g' }]);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('option').count(), 0);
    const many = page.getByRole('combobox', { name: 'Colours' });
    await many.click();
    await page.getByRole('option', { name: 'Red' }).click();
    assert.deepEqual((await sent()).at(-1), ['many', [options[0]]]);
    await page.getByRole('option', { name: 'Blue' }).click({ force: true });
    assert.deepEqual((await sent()).at(-1), ['many', [options[0]]]);
    await page.keyboard.type('g');
    assert.deepEqual((await sent()).at(-1).slice(0, 2), ['typed', 'g']);
    await page.keyboard.press('Enter');
    assert.deepEqual((await sent()).at(-1)[1].map((o) => o.value), ['r', 'g']);
    await page.keyboard.press('Backspace');
    assert.deepEqual((await sent()).at(-1), ['many', [options[0]]]);
    await page.getByRole('button', { name: 'Remove Red' }).click();
    assert.deepEqual((await sent()).at(-1), ['many', []]);
  });

  test('a user picker finds people of the site', async () => {
    await start(el('UserPicker', { name: 'who', label: 'Assignee', onChange: fn('who') }));
    await page.getByRole('combobox', { name: 'Assignee' }).fill('bo');
    await page.getByRole('option', { name: 'Bob Tran' }).click();
    const [, user] = (await sent()).at(-1);
    assert.deepEqual([user.id, user.type, user.name], ['u-bob', 'user', 'Bob Tran']);
  });

  test('people have their names, and pictures that travel in the address alone', async () => {
    const dot = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    await page.evaluate(({ tree, dot }) => {
      const people = [{ accountId: 'u-alice', displayName: 'Alice Meyer', picture: true }, { accountId: 'u-bob', displayName: 'Bob Tran', picture: true }];
      return window.start(tree, { users: {
        get: async (ids) => people.filter((p) => ids.includes(p.accountId)), search: async () => { throw new Error('not now'); },
        picture: async (id) => (id === 'u-alice' ? dot : `${location.origin}/leads-elsewhere.png`),
      } });
    }, { dot, tree: root([el('User', { accountId: 'u-alice', avatarUrl: '/elsewhere.png', picture: '/elsewhere.png', displayName: 'Mallory' }), el('User', { accountId: 'u-bob' }), el('User', { accountId: 'u-nobody' }),
      el('UserPicker', { name: 'who', label: 'Assignee', defaultValue: 'u-bob', onChange: fn('who') })]) });
    await page.getByText('Alice Meyer').waitFor();
    await page.getByText('User nobody').waitFor();
    assert.equal(await page.getByText('Mallory').count(), 0);
    await page.waitForFunction(() => document.querySelectorAll('img').length === 1);
    assert.equal(await page.locator('img').getAttribute('src'), dot);
    assert.equal(await page.getByRole('combobox', { name: 'Assignee' }).inputValue(), 'Bob Tran');
    await page.getByRole('combobox', { name: 'Assignee' }).fill('bo');
    await page.getByText('The search does not work at present').waitFor();
    assert.deepEqual(site.asked.filter((a) => a.includes('elsewhere')), []);
  });

  test('the older kit: values of a form, conditions, configuration', async () => {
    await start(...parts.older());
    await page.getByLabel('New task').fill('buy milk');
    await page.getByLabel('Cheap').check();
    await page.getByLabel('Soon').uncheck();
    await page.getByLabel('Price').fill('2');
    await page.getByLabel('Urgent').check();
    await page.getByRole('button', { name: 'Add' }).click();
    assert.deepEqual((await sent()).at(-1), ['old-submit', { task: 'buy milk', kind: 'food', tags: ['cheap'], size: 's', urgent: true, price: '2' }]);
    await page.evaluate((tree) => window.apply({ tree }), { type: 'MacroConfig', key: 'c', props: {}, children: [el('TextField', { name: 'q', label: 'Query', defaultValue: 'x' })] });
    await page.getByLabel('Query').fill('y');
    await page.getByRole('button', { name: 'Save' }).click();
    assert.deepEqual(await page.evaluate(() => window.configured), { q: 'y' });
  });
});

describe('what is pressed and opened', () => {
  test('a button shows that it waits, until its event is handled', async () => {
    await start(el('Button', { onClick: fn('go') }, 'Go'));
    const button = page.getByRole('button', { name: 'Go' });
    await button.click();
    assert.equal(await button.getAttribute('aria-busy'), 'true');
    await apply({ idle: true, event: 1 });
    assert.equal(await button.getAttribute('aria-busy'), null);
  });

  test('a session that ends leaves nothing waiting, and the next counts anew', async () => {
    await start(el('Button', { onClick: fn('go') }, 'Go'), el('Textfield', { 'aria-label': 'F', value: 'v', onChange: fn('c') }));
    await page.getByRole('button').click();
    await page.getByRole('textbox').press('End');
    await page.keyboard.type('w');
    await page.evaluate(() => window.kit.lost());
    assert.equal(await page.getByRole('button').getAttribute('aria-busy'), null);
    assert.equal(await page.getByRole('textbox').inputValue(), 'v');
  });

  test('a dialog takes the focus, asks before it closes, and gives the focus back', async () => {
    const modal = el('Modal', { key: 'm', onClose: fn('close') }, el('ModalHeader', {}, el('ModalTitle', {}, 'Sure?')), el('ModalBody', {}, el('Text', {}, 'It cannot be undone.')), el('ModalFooter', {}, el('Button', { appearance: 'primary' }, 'Yes')));
    await start(el('Stack', { key: 's' }, el('Button', { key: 'b', onClick: fn('open') }, 'Open')));
    await page.getByRole('button', { name: 'Open' }).click();
    await apply({ patches: [{ op: 'children', key: 's', children: ['b', modal] }] }, { idle: true, event: 1 });
    const dialog = page.getByRole('dialog', { name: 'Sure?' });
    await dialog.waitFor();
    assert.ok(await dialog.evaluate((d) => d.contains(document.activeElement)));
    await check('a dialog');
    if (pictures) await page.screenshot({ path: join(pictures, 'kit-modal.png') });
    await page.keyboard.press('Escape');
    assert.equal((await sent()).at(-1)[0], 'close');
    assert.ok(await dialog.isVisible(), 'the app closes it, not the kit');
    await page.keyboard.press('Escape');
    assert.ok(await dialog.isVisible(), 'the browser does not close it either');
    await apply({ patches: [{ op: 'children', key: 's', children: ['b'] }] }, { idle: true, event: 3 });
    assert.equal(await dialog.count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Open');
  });

  test('tooltips come by focus, go by Escape, and describe', async () => {
    await start(el('Tooltip', { content: 'Removes it' }, el('Button', {}, 'X')));
    await page.getByRole('button').focus();
    const tip = page.getByRole('tooltip', { name: 'Removes it' });
    await tip.waitFor();
    assert.equal(await page.getByRole('button').evaluate((b) => document.getElementById(b.getAttribute('aria-describedby')).textContent), 'Removes it');
    await page.keyboard.press('Escape');
    await tip.waitFor({ state: 'hidden' });
  });

  test('a popup opens beside its trigger', async () => {
    await start(el('Popup', { key: 'p', isOpen: true, onClose: fn('close'), trigger: slot(el('Button', {}, 'Menu')), content: slot(el('Button', { onClick: fn('in') }, 'Inside')) }));
    await page.getByRole('button', { name: 'Inside' }).click();
    await page.mouse.click(700, 700);
    assert.deepEqual((await sent()).map(([h]) => h), ['in', 'close']);
    await apply({ patches: [{ op: 'props', key: 'p', set: { isOpen: false } }] });
    assert.equal(await page.getByRole('button', { name: 'Inside' }).count(), 0);
  });

  test('tabs by keyboard; tables sort and turn pages', async () => {
    await start(...parts.layout(), ...parts.data());
    await page.getByRole('tab', { name: 'One' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByText('Second panel').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Two');
    const cells = () => page.getByRole('table', { name: 'Issues' }).locator('tbody tr td:first-child').allInnerTexts();
    assert.deepEqual(await cells(), ['Bread', 'Cheese']);
    await page.getByRole('button', { name: 'Name' }).click();
    assert.deepEqual((await sent()).at(-1), ['sort', { key: 'name', sortOrder: 'ASC', item: { key: 'name' } }]);
    assert.deepEqual(await cells(), ['Bread', 'Cheese']);
    await page.getByRole('button', { name: 'Name' }).click();
    assert.deepEqual(await cells(), ['Milk', 'Cheese']);
    await page.getByRole('navigation', { name: 'Pages of the table' }).getByRole('button', { name: 'Page 2' }).click();
    assert.deepEqual(await cells(), ['Bread']);
    await page.getByRole('button', { name: 'Go' }).click();
    assert.equal((await sent()).at(-1)[0], 'go-Bread');
    await page.getByRole('navigation', { name: 'Pages', exact: true }).getByRole('button', { name: 'Page 10' }).click();
    assert.deepEqual((await sent()).at(-1), ['page', { type: 'click' }, 10]);
  });

  test('an element in a prop is patched by its key, and a node that cannot be drawn stays alone', async () => {
    await start(el('EmptyState', { header: 'H', primaryAction: slot(el('Button', { key: 'inner' }, el('Text', { key: 'label' }, 'Old'))) }), el('Text', {}, 'still here'));
    await apply({ patches: [{ op: 'children', key: 'inner', children: [{ type: 'String', props: { text: 'New' } }] }] });
    await page.getByRole('button', { name: 'New' }).waitFor();
    await page.getByText('still here').waitFor();
  });

  test('patches that do not fit change nothing, and are told', async () => {
    await page.evaluate((tree) => window.start(tree, { desync: (e) => { window.parted = e.message; } }), root([el('Text', { key: 'x' }, 'kept')]));
    await apply({ patches: [{ op: 'props', key: 'x', set: { size: 'large' } }, { op: 'props', key: 'none', set: {} }] });
    assert.match(await page.evaluate(() => window.parted), /none/);
    assert.equal(await page.locator('.k-size-large').count(), 0);
  });
});

describe('an app that means harm', () => {
  // A server that nobody may reach: every request to it is written down.
  let trap;
  before(async () => {
    trap = await serve();
  });
  after(() => trap.stop());
  const bad = (n) => [
    `http://127.0.0.1:${trap.port}/${n}`, `https://127.0.0.1:${trap.port}/${n}`, `//127.0.0.1:${trap.port}/${n}`, `\\\\127.0.0.1:${trap.port}/${n}`, `/\\127.0.0.1:${trap.port}/${n}`,
    `ht\ntps://127.0.0.1:${trap.port}/${n}`, `javascript:window.owned=1//${n}`, `JaVaScRiPt:window.owned=1//${n}`, ` javascript:window.owned=1//${n}`, `java\tscript:window.owned=1//${n}`,
    `data:text/html,<script>window.owned=1</script>${n}`, `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="window.owned=1"><image href="http://127.0.0.1:${trap.port}/${n}"/><script>window.owned=1</script></svg>`,
    `blob:http://127.0.0.1:${trap.port}/${n}`, `vbscript:owned${n}`, `file:///etc/passwd?${n}`, `https://alice@127.0.0.1:${trap.port}/${n}`, `resource:main;../../${n}`, `ws://127.0.0.1:${trap.port}/${n}`,
  ];
  const markup = '<img src=x onerror="window.owned=1"><script>window.owned=1</script><style>*{display:none}</style>';

  test('no prop that can hold an address, CSS or text reaches anything, or becomes markup', async () => {
    const urls = bad('x');
    const css = (u) => [
      `url(${u})`, `image-set("${u}" 1x)`, `red; background: url(${u})`, `url('${u}')`, `\\75rl(${u})`, `var(--x, url(${u}))`, `expression(window.owned=1)`, `attr(src url)`, `-moz-binding: url(${u})`, `cross-fade(url(${u}), red)`, `element(#x)`, `src("${u}")`,
    ];
    const properties = ['background', 'backgroundImage', 'backgroundColor', 'listStyleImage', 'cursor', 'content', 'filter', 'mask', 'maskImage', 'borderImage', 'borderImageSource', 'clipPath', 'shapeOutside', 'fontFamily', 'src', 'behavior', 'width',
      'color', 'boxShadow', 'borderColor', 'outline', 'gridTemplateColumns', 'transition', 'animation', 'offsetPath', 'cssText', '--x', '@import', 'font', 'padding', 'display', 'position'];
    const nodes = [];
    for (const u of urls) {
      nodes.push(
        el('Image', { src: u, alt: markup, srcSet: u }), el('Icon', { glyph: u, src: u, label: markup, primaryColor: `url(${u})` }), el('Avatar', { src: u, name: markup }), el('User', { accountId: u, avatarUrl: u }), el('Link', { href: u, target: u }, 'link'),
        el('LinkButton', { href: u }, 'link'), el('FileCard', { fileName: markup, iconUrl: u, dataUri: u, href: u }), el('EmptyState', { header: markup, imageUrl: u }), el('Breadcrumbs', {}, el('BreadcrumbsItem', { href: u, text: markup })),
        el('SectionMessage', { title: markup }, el('SectionMessageAction', { href: u }, 'go')), el('Tag', { text: markup, href: u }), el('ThreeLOPrompt', { authUrl: u, message: markup }), el('Comment', { author: markup, content: markup, avatar: u }), el('ProgressTracker', { items: [{ label: markup, href: u, status: 'visited' }] }),
        el('Tile', { label: markup, backgroundColor: `url(${u})` }), el('Text', { color: `url(${u})`, style: `background:url(${u})`, dangerouslySetInnerHTML: { __html: markup } }, markup), el('Frame', { resource: u, width: `calc(1px);background:url(${u})` }),
        el('Box', { as: 'script', src: u, href: u, srcdoc: markup, style: { backgroundImage: `url(${u})` }, onclick: 'window.owned=1', xcss: Object.fromEntries(properties.map((p, i) => [p, css(u)[i % css(u).length]])) }),
        el('Textfield', { 'aria-label': markup, value: markup, type: 'image', src: u, formaction: u, list: u }), el('Select', { 'aria-label': 'x', options: [{ label: markup, value: u }], value: { label: markup, value: u } }), el('Button', { iconBefore: u, href: u, formAction: u }, markup),
        el('AdfRenderer', { document: { type: 'doc', content: [
          { type: 'paragraph', content: [{ type: 'text', text: markup, marks: [{ type: 'link', attrs: { href: u } }, { type: 'textColor', attrs: { color: `url(${u})` } }, { type: 'backgroundColor', attrs: { color: `url(${u})` } }] }] },
          { type: 'inlineCard', attrs: { url: u } }, { type: 'media', attrs: { type: 'external', url: u, alt: markup } }, { type: 'script', content: [{ type: 'text', text: 'window.owned=1' }] }, { type: 'extension', attrs: { text: markup } }, { type: 'emoji', attrs: { shortName: markup, imageUrl: u } }, { type: 'heading', attrs: { level: 'script' }, content: [] }] } }),
        el('BarChart', { title: markup, data: [[markup, 1, u]], xAccessor: 0, yAccessor: 1, colorAccessor: 2, colorPalette: [`url(${u})`, { key: u, value: `url(${u})` }] }), el('PieChart', { data: [[markup, 1]], colorPalette: [`url(${u})`] }), el('DynamicTable', { caption: markup, head: { cells: [{ key: u, content: markup }] }, rows: [{ cells: [{ content: markup }] }] }),
        el('CodeBlock', { text: markup, language: markup }), el('script', { src: u }, 'window.owned=1'), el('iframe', { src: u, srcdoc: markup }), el('style', {}, `*{background:url(${u})}`), el('__proto__', { src: u }, 'x'), el('constructor', { src: u }, 'x'),
      );
      for (const [i, p] of properties.entries()) for (const value of css(u).filter((_, j) => (i + j) % 4 === 0)) nodes.push(el('Box', { xcss: { [p]: value, ':hover': { [p]: value }, [`} body{background:url(${u})} x`]: { color: 'red' } } }));
    }
    await start(...nodes);
    // Whatever can be followed is followed, with every kind of click.
    await page.evaluate(() => {
      for (const a of document.querySelectorAll('a')) {
        for (const init of [{}, { ctrlKey: true }, { button: 1 }]) a.dispatchEvent(new MouseEvent(init.button ? 'auxclick' : 'click', { bubbles: true, cancelable: true, ...init }));
      }
    });
    await page.waitForLoadState('networkidle');
    assert.deepEqual(trap.asked, [], 'requests that went out');
    assert.deepEqual(site.asked, [], 'requests for what is no file of the page');
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.deepEqual(await page.evaluate(() => window.violations.filter((v) => !/^img-src https:\/\/127\.0\.0\.1/.test(v))), [], 'what the policy had to stop, besides images that are not granted');
    assert.equal(await page.evaluate(() => document.querySelectorAll('#app script, #app iframe, #app style, #app object, #app embed, #app link, #app base, #app meta').length), 0);
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('#app *')].flatMap((e) => e.getAttributeNames().filter((n) => /^on|^srcdoc$|^formaction$|^srcset$/.test(n)))), []);
    const schemes = await page.evaluate(() => [...new Set([...document.querySelectorAll('#app [href], #app [src]')].map((e) => (e.getAttribute('href') ?? e.getAttribute('src')).replace(/^([a-z]+:)?.*$/is, '$1')))]);
    assert.deepEqual(schemes.sort(), ['data:', 'https:'], 'schemes that were let through');
    assert.ok((await page.evaluate(() => window.went.map(([u]) => u))).every((u) => u.startsWith('https://127.0.0.1')), 'links that the shell was asked to follow');
    assert.equal(new URL(page.url()).origin, site.url);
    assert.equal(context.pages().length, 1);
  });

  test('texts that look like names of the language, values of the wrong kind and endless styles draw something', async () => {
    const odd = [null, true, 7, -1, 1e308, 'x', '__proto__', 'constructor', 'toString', [], [[]], {}, { a: 1 }, { type: 'doc' }, { type: 'doc', content: 'x' }, fn('h')];
    const props = ['value', 'defaultValue', 'options', 'rows', 'head', 'items', 'data', 'content', 'size', 'appearance', 'spacing', 'space', 'xcss', 'label', 'text', 'title', 'pages', 'selected', 'document', 'accountIds', 'onClick', 'onChange', 'isOpen', 'trigger', 'width', 'height', 'color', 'glyph', 'type', 'align', 'as', 'id', 'name', 'minDate', 'times', 'disabled', 'highlight', 'language', 'xAccessor', 'colorPalette', 'defaultSelected', 'month', 'year'];
    const types = Object.values(parts).flatMap((p) => p()).flatMap(function all(n) { return [n.type, ...(n.children ?? []).flatMap(all)]; }).filter((t) => !['String', 'Root', 'IssuePanel'].includes(t));
    const nodes = [...new Set([...types, 'Modal', 'Popup', 'InlineDialog', 'BarChart', 'PieChart', 'Calendar'])].flatMap((type) => odd.map((value) => el(type, Object.fromEntries(props.map((p) => [p, value])), 'x')));
    await start(el('Text', { key: 'last' }, 'The end'), ...nodes.filter((n) => n.type !== 'Modal'));
    await page.getByText('The end').waitFor();
    assert.deepEqual(await page.evaluate('window.reports ?? []'), []);
    assert.deepEqual(complaints, []);
    await apply({ patches: Array.from({ length: 50 }, (_, i) => ({ op: 'props', key: 'last', set: { color: `color.text.${i}`, __proto__: { polluted: 1 } } })) });
    assert.equal(await page.evaluate(() => ({}).polluted), undefined);
  });

  test('what is drawn stays below what the platform draws', async () => {
    await start(el('Box', { xcss: { position: 'fixed', inset: '0', zIndex: '2147483647', backgroundColor: 'color.background.danger.bold' } }, 'over everything'));
    assert.equal(await page.locator('.k-box').evaluate((b) => getComputedStyle(b).position), 'static');
    assert.equal(await page.locator('.k-box').evaluate((b) => getComputedStyle(b).zIndex), 'auto');
  });
});

test('an app that fails is told of, and what it drew stays', async () => {
  await start(el('Text', { key: 'x' }, 'drawn'));
  await apply({ error: { code: 'FUNCTION_ERR', message: 'no <b>milk</b>' } });
  await page.getByRole('alert').getByText('no <b>milk</b>').waitFor();
  await page.getByText('drawn').waitFor();
  await apply({ patches: [{ op: 'props', key: 'x', set: { size: 'large' } }] });
  assert.equal(await page.getByRole('alert').count(), 0);
});
