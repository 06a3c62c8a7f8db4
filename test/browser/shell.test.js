// Apps in the product's pages: what a person sees of them, and what a frame of an app, or a
// page that is edited, cannot make of it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { atRest } from './people.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000e7a1
  runtime: {name: nodejs22.x}
permissions: {scopes: ["storage:app", "read:jira-work"]}
modules:
  tracker:issuePanel: [{key: probe, title: "Invoice \\u202Egpj.exe", resource: ui, resolver: {function: resolve}}]
  tracker:issueAction: [{key: act, title: Stamp it, resource: ui, resolver: {function: resolve}}]
  function: [{key: resolve, handler: index.resolve}]
resources: [{key: ui, path: static}]
`;

// An app of UI Kit that fills its memory: as soon as it is shown, and when its button is pressed.
const greedy = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000e7a2
  runtime: {name: nodejs22.x}
permissions: {scopes: ["read:jira-work"]}
modules:
  tracker:projectPage: [{key: greedy, title: Greedy, resource: main, render: native}, {key: lazy, title: Lazy, resource: later, render: native}, {key: ways, title: Ways, resource: ways, render: native}]
  tracker:issuePanel: [{key: choice, title: Choice, resource: choice, render: native}, {key: reads, title: Reads, resource: reads, render: native}]
resources: [{key: main, path: src/main.jsx}, {key: later, path: src/later.jsx}, {key: ways, path: src/ways.jsx}, {key: choice, path: src/choice.jsx}, {key: reads, path: src/reads.jsx}]
`;
const fill = "const fill = () => { const all = []; for (let n = 0; ; n++) all.push(new Uint8Array(1 << 22).fill(n)); };\n";
const kit = "import React from 'react';\nimport ForgeReconciler, { Button, Text } from '@forge/react';\n";
const choice = `${kit}import { Select } from '@forge/react';
const options = ['black', 'white', 'oolong', 'yellow', 'green'].map((value) => ({ value, label: value[0].toUpperCase() + value.slice(1) + ' tea' }));
const App = () => { const [tea, set] = React.useState(''); return tea ? <Text>Chosen: {tea}</Text> : <Select options={options} onChange={({ value }) => set(value)} />; };
ForgeReconciler.render(<App />);
`;
const ways = `${kit}import { router, view } from '@forge/bridge';
const App = () => {
  const [at, move] = React.useState('nowhere');
  const [url, set] = React.useState('');
  const go = async () => {
    const history = await view.createHistory();
    history.listen(({ location }) => move(location.pathname + location.search));
    history.push('/two?x=1');
  };
  const find = (to) => router.getUrl(to).then((u) => set(u.href), (e) => set(e.code));
  return <><Text>At {at}</Text><Text>URL {url}</Text><Button onClick={go}>Go</Button>
    <Button onClick={() => find({ target: 'issue', issueKey: 'DEMO-1' })}>Issue</Button><Button onClick={() => find({ target: 'userProfile', accountId: 'alice' })}>Elsewhere</Button></>;
};
ForgeReconciler.render(<App />);
`;
const reads = `${kit}import { requestJira } from '@forge/bridge';
const App = () => {
  const [status, set] = React.useState('nothing yet');
  return <><Text>It says {status}</Text><Button onClick={async () => set((await requestJira('/rest/api/3/issue/DEMO-5')).status)}>Read</Button></>;
};
ForgeReconciler.render(<App />);
`;
const source = `import Resolver from '@forge/resolver';
import { storage } from '@forge/api';
const r = new Resolver();
r.define('who', ({ payload, context }) => ({ user: context.accountId, issue: context.extension.issue.key, module: context.moduleKey, payload, polluted: ({}).polluted ?? null }));
r.define('late', async () => { await storage.set('late', 'begun'); await new Promise((done) => setTimeout(done, 3000)); await storage.set('late', 'done'); });
r.define('kept', () => storage.get('late'));
r.define('fail', () => { const e = new TypeError('no such tune'); e.name = 'TuneError'; throw e; });
export const resolve = r.getDefinitions();
`;

let demo, app, hungry;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-app-'));
  mkdirSync(join(app, 'src'));
  mkdirSync(join(app, 'static'));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  writeFileSync(join(app, 'static', 'index.html'), '<!doctype html><title>probe</title><h1>Probe</h1><script type="module" src="main.js"></script>');
  writeFileSync(join(app, 'static', 'main.js'), "import * as sdk from '/_annex/sdk.js';\nself.sdk = sdk;\n");
  const where = ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  await demo.run(demo.access.adminToken, app, 'install', '--confirm', ...where);
  hungry = mkdtempSync(join(tmpdir(), 'annex-browser-app-'));
  mkdirSync(join(hungry, 'src'));
  writeFileSync(join(hungry, 'manifest.yml'), greedy);
  writeFileSync(join(hungry, 'src', 'main.jsx'), `${kit}${fill}const App = () => { fill(); return <Text>never</Text>; };\nForgeReconciler.render(<App />);\n`);
  writeFileSync(join(hungry, 'src', 'later.jsx'), `${kit}${fill}const App = () => { const [n, set] = React.useState(0); return <><Text>Pressed {n} times</Text><Button onClick={() => set(n + 1)}>Press</Button><Button onClick={fill}>Fill</Button></>; };\nForgeReconciler.render(<App />);\n`);
  writeFileSync(join(hungry, 'src', 'ways.jsx'), ways);
  writeFileSync(join(hungry, 'src', 'choice.jsx'), choice);
  writeFileSync(join(hungry, 'src', 'reads.jsx'), reads);
  await demo.run(demo.access.developerToken, hungry, 'deploy', '--environment', 'development');
  await demo.run(demo.access.adminToken, hungry, 'install', '--confirm', ...where);
});
after(async () => {
  await demo?.stop();
  rmSync(app, { recursive: true, force: true });
  rmSync(hungry, { recursive: true, force: true });
});

async function signIn(name, path = '/', options = {}) {
  const context = await demo.browser.newContext(options);
  const page = await context.newPage();
  await page.goto(`${demo.access.productPageUrl}/login?next=${encodeURIComponent(path)}`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(demo.access.users[name].password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(demo.access.productPageUrl + path);
  return page;
}

// frameOf is the frame in which an app's document with that title runs, and the page of the
// shell around it.
async function frameOf(page, title) {
  for (let n = 0; n < 200; n++) {
    for (const f of page.frames()) {
      if (f.url().includes('.apps.localhost') && (await f.title().catch(() => '')) === title && (await f.evaluate(() => Boolean(self.sdk || document.querySelector('#app > :not(.quiet)'))).catch(() => false))) return { frame: f, shell: f.parentFrame() };
    }
    await page.waitForTimeout(100);
  }
  throw new Error(`no frame of ${title}: ${page.frames().map((f) => f.url()).join(' ')}`);
}

const rejected = (frame, call) => frame.evaluate(`(${call})().then((v) => ({ resolved: v ?? null }), (e) => ({ name: e.name, code: e.code, message: e.message }))`);

test('an estimate is made by keyboard, kept, and seen by the other person', async () => {
  const alice = await signIn('alice', '/browse/DEMO-2');
  const { frame } = await frameOf(alice, 'Board');
  const five = frame.getByRole('button', { name: '5', exact: true });
  await five.focus();
  await alice.keyboard.press('Enter');
  await frame.getByText('5 points, says').waitFor();
  const bob = await signIn('bob', '/browse/DEMO-2');
  await (await frameOf(bob, 'Board')).frame.getByText('5 points, says').waitFor();
  assert.equal(await frame.evaluate(() => document.documentElement.dataset.colorMode), 'light');
});

test('what needs the person’s agreement asks for it in a window of its own, and goes on', async () => {
  const page = await signIn('bob', '/projects/DEMO/apps');
  let shell;
  for (let n = 0; n < 100 && !shell; n++) {
    for (const f of page.frames()) if (f.url().includes('/shell/app/') && (await f.getByRole('button', { name: 'Review' }).count().catch(() => 0))) shell = f;
    await page.waitForTimeout(100);
  }
  const [window_] = await Promise.all([page.context().waitForEvent('page'), shell.getByRole('button', { name: 'Review' }).click()]);
  await window_.waitForURL(/\/consent\//);
  assert.ok(!window_.url().includes('ticket'), 'the ticket is in the address');
  assert.equal(await window_.evaluate(() => opener), null);
  await window_.getByRole('button', { name: 'Agree' }).click();
  await window_.getByText('may act as you now').waitFor();
  await window_.close();
  await shell.getByRole('button', { name: 'I have decided' }).click().catch(() => {}); // the focus may have told already
  const { frame } = await frameOf(page, 'Board');
  await frame.getByRole('region', { name: 'To Do' }).getByText('Search forgets').waitFor();
  await frame.getByLabel('Column of DEMO-2').selectOption('Done');
  await page.getByText('DEMO-2 is in Done').waitFor();
  await page.getByText('by board', { exact: true }).waitFor(); // a flag says whose words it shows
  await page.goto(`${demo.access.productPageUrl}/browse/DEMO-2`);
  assert.equal(await page.getByLabel('Status').inputValue(), '3');
});

test('a question in the place of a view of UI Kit is shown whole', async () => {
  for (const viewport of [{ width: 1200, height: 800 }, { width: 360, height: 740 }]) {
    const page = await signIn('bob', '/browse/DEMO-5', { viewport });
    await (await shown(page, (f) => f.locator('.k-root', { hasText: 'It says' }).getByRole('button', { name: 'Read' }))).click();
    const box = await shown(page, (f) => f.locator('main.covered:has-text("It says") ~ .consent'));
    // Whole for a second on end: what the view behind it measures must not take the room away again.
    const whole = await box.evaluate(async (e) => {
      for (let n = 0, fits = 0; n < 300; n++) {
        fits = e.getBoundingClientRect().bottom <= innerHeight ? fits + 1 : 0;
        if (fits === 20) return true;
        await new Promise((r) => { setTimeout(r, 50); });
      }
      return false;
    });
    assert.ok(whole, `cut off where the page is ${viewport.width} px wide`);
    await page.context().close();
  }
});

test('a view that is open where an admin begins to keep its app out ends, shows nothing of it any more, and comes back', async () => {
  const rules = (...args) => demo.run(demo.access.adminToken, hungry, 'access-rules', ...args);
  const page = await signIn('alice', '/browse/DEMO-5');
  await shown(page, (f) => f.locator('.k-root').getByText('It says nothing yet'));
  const made = await rules('block', demo.access.site, 'project', 'DEMO', '--product', demo.access.product, '--app', '01939f00-0000-4000-8000-00000000e7a2');
  const stopped = await shown(page, (f) => f.getByRole('alert').filter({ hasText: 'Reads is blocked by your admin' }));
  assert.match(await stopped.innerText(), /keeps the app from this project/);
  for (const f of page.frames()) assert.equal(await f.getByText('It says').count(), 0, 'something of the app is left');
  await rules('unblock', demo.access.site, made.id);
  await stopped.getByRole('button', { name: 'Try again' }).click();
  await shown(page, (f) => f.locator('.k-root').getByText('It says nothing yet'));
  await page.context().close();
});

test('a link to another site asks first, in letters that look like no others', async () => {
  const page = await signIn('alice', '/browse/DEMO-1');
  const { frame } = await frameOf(page, 'probe');
  const opened = [];
  page.context().on('page', (p) => opened.push(p.url()));
  void frame.evaluate(() => void sdk.router.open('https://login.аpple.com.example.org/a?b=\u202Ec').catch(() => {}));
  let dialog;
  for (let n = 0; n < 100 && !dialog; n++) {
    for (const f of page.frames()) if (f.url().includes('/shell?') && (await f.getByText('Leave for another site?').count().catch(() => 0))) dialog = f;
    await page.waitForTimeout(50);
  }
  assert.equal(await dialog.evaluate(() => document.activeElement.textContent), 'Stay here');
  const go = dialog.getByRole('link', { name: 'Open example.org' });
  await go.click({ force: true, noWaitAfter: true }).catch(() => {}); // at once: what a trick with clicks would do
  assert.match(await dialog.locator('.host').innerText(), /^login\.xn--[\w-]+\.com\.example\.org$/);
  assert.equal(await dialog.locator('.host strong').innerText(), 'example.org');
  assert.deepEqual(opened, [], 'a click that came with the dialog opened the page');
  await dialog.waitForFunction(() => !document.querySelector('a.primary').hasAttribute('aria-disabled'));
  const [asked] = await Promise.all([page.context().waitForEvent('request', (r) => r.url().includes('example.org')), go.click()]);
  assert.ok(asked.isNavigationRequest() && asked.headers().referer === undefined);
  const bad = await rejected(frame, `() => sdk.router.open('javascript:alert(1)')`);
  assert.equal(bad.code, 'BAD_LINK');
  assert.equal((await rejected(frame, `() => sdk.router.open('https://a@b.example/')`)).code, 'BAD_LINK');
});

test('a frame of an app forges nothing', async () => {
  const page = await signIn('alice', '/browse/DEMO-1');
  const { frame, shell } = await frameOf(page, 'probe');
  const who = await frame.evaluate(() => sdk.invoke('who', { hello: 1 }));
  assert.deepEqual(who, { user: 'alice', issue: 'DEMO-1', module: 'probe', payload: { hello: 1 }, polluted: null });

  // More than a command takes is dropped; who and where is the session's.
  const forged = await frame.evaluate(() => __bridge.callBridge('invoke', {
    functionKey: 'who', payload: { context: { accountId: 'bob' } }, accountId: 'bob', module: 'x/y', context: { accountId: 'bob', extension: { issue: { key: 'PLAN-1' } } }, extension: {}, session: 'x',
  }));
  assert.equal(forged.user, 'alice');
  assert.equal(forged.issue, 'DEMO-1');

  // Prototypes, of this side and of the other.
  await frame.evaluate(async () => {
    const evil = JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}');
    for (const c of ['invoke', 'showFlag', 'openModal', 'emit', 'navigate', 'getUrl', 'history', 'submit', '__proto__', 'constructor', 'toString']) {
      await Promise.race([__bridge.callBridge(c, c === 'invoke' ? { functionKey: 'who', payload: evil } : evil).catch(() => {}), new Promise((r) => setTimeout(r, 300))]);
    }
  });
  for (const f of page.frames()) assert.equal(await f.evaluate(() => ({}).polluted ?? null), null, f.url());
  assert.equal((await frame.evaluate(() => sdk.invoke('who'))).polluted, null);

  const code = async (call) => (await rejected(frame, call)).code;
  assert.equal(await code(`() => __bridge.callBridge('fetchToken', {})`), 'NOT_OFFERED');
  assert.equal(await code(`() => __bridge.callBridge('__proto__', {})`), 'NOT_OFFERED');
  assert.equal(await code(`() => sdk.invoke('who', { fn: () => 1 })`), 'INVALID_ARGUMENT');
  assert.equal(await code(`() => sdk.invoke('who', 'x'.repeat(600000))`), 'LIMIT_PAYLOAD');
  assert.equal(await code(`() => __bridge.callBridge('invoke', { functionKey: 'who', payload: 'x'.repeat(600000) })`), 'LIMIT_PAYLOAD');
  assert.equal(await code(`() => sdk.permissions.egress.set({ egresses: [] })`), 'BAD_REQUEST');
  assert.equal(await code(`() => sdk.realtime.subscribe('x', () => {})`), 'NOT_OFFERED');
  const failed = await rejected(frame, `() => sdk.invoke('fail')`);
  assert.deepEqual([failed.name, failed.message], ['TuneError', 'no such tune']);

  // Messages that are none of the port's, to everybody who can be named.
  const reach = await frame.evaluate(async () => {
    const heard = [];
    addEventListener('message', (e) => heard.push(String(e.data?.annex)));
    for (const w of [parent, parent.parent, top]) {
      for (const annex of ['session', 'panel', 'dialog', 'port']) {
        const { port2 } = new MessageChannel();
        w.postMessage({ annex, session: 'forged', token: 'forged', theme: 'dark', id: '1', given: {} }, '*', [port2]);
      }
    }
    parent.postMessage({ annex: 'hello', id: 1, command: 'invoke' }, '*');
    await new Promise((r) => setTimeout(r, 300));
    const named = [parent.frames.length, parent.parent.frames.length, top.frames.length];
    let read = 'closed';
    try { read = String(parent.document); } catch { /* another origin */ }
    return { heard, named, read, cookies: document.cookie };
  });
  assert.deepEqual(reach.named, [0, 0, 0], 'a frame finds its neighbours by way of its ancestors');
  assert.equal(reach.read, 'closed');
  assert.equal(await shell.evaluate(() => document.documentElement.dataset.theme), 'light', 'a forged message was taken for the page’s own');
  // A second hello gives the document another port, and ends the one before.
  assert.deepEqual(reach.heard, ['port']);
  const ended = await frame.evaluate(() => Promise.race([sdk.invoke('who'), new Promise((r) => setTimeout(r, 500, 'silence'))]));
  assert.equal(ended, 'silence');
});

// shown finds a locator in whichever frame it is shown.
async function shown(page, find) {
  for (let n = 0; n < 300; n++) {
    for (const f of page.frames()) if (await find(f).first().isVisible().catch(() => false)) return find(f).first();
    await page.waitForTimeout(100);
  }
  throw new Error(`not shown: ${find}`);
}

test('a view that broke a limit says so, opens nothing by itself and another one when asked', async () => {
  const page = await signIn('alice', '/projects/DEMO/apps');
  await (await shown(page, (f) => f.getByRole('tab', { name: 'Greedy' }))).click();
  const opened = [];
  page.on('request', (r) => { if (r.url().endsWith('/bridge/ui')) opened.push(r); });
  const stopped = (f) => f.getByRole('alert').filter({ hasText: 'The app stopped.' });
  assert.match(await (await shown(page, stopped)).innerText(), /stopped\.\s+\w.+\s+Try again/s, 'it does not say why');
  const before = opened.length;
  const again = await shown(page, (f) => f.getByRole('button', { name: 'Try again' }));
  await page.waitForTimeout(1500);
  assert.ok(before <= 1 && opened.length === before, `${opened.length} views were opened by themselves`);
  await Promise.all([page.waitForRequest((r) => r.url().endsWith('/bridge/ui')), again.click()]);
  await shown(page, stopped);

  await (await shown(page, (f) => f.getByRole('tab', { name: 'Lazy' }))).click();
  await (await shown(page, (f) => f.getByRole('button', { name: 'Press' }))).click();
  await shown(page, (f) => f.getByText('Pressed 1 times'));
  await (await shown(page, (f) => f.getByRole('button', { name: 'Fill' }))).click();
  const reported = await shown(page, (f) => f.getByRole('alert').filter({ hasText: 'The app reported an error.' }));
  await (await shown(page, (f) => f.getByRole('button', { name: 'Press' }))).click(); // what it was before goes on
  await shown(page, (f) => f.getByText('Pressed 2 times'));
  await reported.waitFor({ state: 'hidden' });
});

test('a view of UI Kit knows its place in the page’s address and the addresses of the product', async () => {
  const page = await signIn('alice', '/projects/DEMO/apps');
  await (await shown(page, (f) => f.getByRole('tab', { name: 'Ways' }))).click();
  await (await shown(page, (f) => f.getByRole('button', { name: 'Go' }))).click();
  await shown(page, (f) => f.getByText('At /two?x=1'));
  await page.waitForURL(/#\/two\?x=1$/);
  await (await shown(page, (f) => f.getByRole('button', { name: 'Issue' }))).click();
  await shown(page, (f) => f.getByText(`URL ${demo.access.productPageUrl}/browse/DEMO-1`));
  await (await shown(page, (f) => f.getByRole('button', { name: 'Elsewhere' }))).click();
  await shown(page, (f) => f.getByText('URL NOT_OFFERED'));
  await page.goBack();
  await shown(page, (f) => f.getByText('At /', { exact: true }));
});

test('people have their names and faces, which no browser fetches elsewhere and no app’s page is given', async () => {
  const page = await signIn('alice', '/browse/DEMO-3');
  const foreign = [];
  page.on('request', (r) => { if (/avatar|face/.test(new URL(r.url()).pathname)) foreign.push(r.url()); });
  const frame = await (await (await shown(page, (f) => f.getByLabel('New item'))).elementHandle()).ownerFrame();
  await frame.getByLabel('New item').fill('Ask Bob');
  await frame.getByRole('combobox', { name: 'Who does it' }).fill('bo');
  await frame.getByRole('option', { name: 'Bob', exact: true }).click();
  assert.equal(await frame.getByRole('combobox', { name: 'Who does it' }).inputValue(), 'Bob');
  await frame.getByRole('button', { name: 'Add', exact: true }).click();
  await frame.getByTitle('Bob', { exact: true }).locator('img').waitFor();
  assert.match(await frame.getByTitle('Bob', { exact: true }).locator('img').getAttribute('src'), /^data:image\/(png|svg\+xml);base64,/);
  assert.deepEqual(foreign, []);
  // An app's page has no way to ask.
  const { frame: probe } = await frameOf(page, 'probe');
  for (const command of ['people', 'users', 'getUsers', 'fetchUserRecommendations']) {
    const got = await probe.evaluate((name) => __bridge.callBridge(name, { ids: ['bob'], search: 'b' }).then((v) => ({ resolved: JSON.stringify(v) }), (e) => ({ code: e.code })), command);
    assert.ok(got.code && !JSON.stringify(got).includes('Bob'), `${command}: ${JSON.stringify(got)}`);
  }
});

test('a list opens in a panel that is no higher than its field', async () => {
  const page = await signIn('alice', '/browse/DEMO-1');
  const field = await shown(page, (f) => f.locator('.k-root:not(:has(form))').getByRole('combobox')); // the checklist's is in a form
  await field.focus();
  await page.keyboard.press('ArrowUp'); // opens it
  const last = await shown(page, (f) => f.getByRole('option', { name: 'Green tea' }));
  assert.ok(await last.evaluate(async (e) => {
    for (let n = 0; n < 100 && e.getBoundingClientRect().bottom > innerHeight; n++) await new Promise((r) => { setTimeout(r, 50); });
    return e.getBoundingClientRect().bottom <= innerHeight;
  }), 'the last option lies outside of the panel');
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await (await shown(page, (f) => f.getByText('Chosen: green'))).waitFor();
});

test('what is entered while the connection is away arrives, once, when it is back', async () => {
  const page = await signIn('alice', '/browse/DEMO-4');
  const field = await shown(page, (f) => f.getByLabel('New item'));
  const frame = await (await field.elementHandle()).ownerFrame();
  await field.fill('Tea');
  await page.waitForTimeout(300);
  await page.context().setOffline(true);
  await field.pressSequentially(' and milk');
  await frame.getByText('No connection.').waitFor();
  assert.equal(await field.inputValue(), 'Tea and milk');
  await frame.getByRole('button', { name: 'Add', exact: true }).click();
  assert.equal(await frame.getByRole('alert').count(), 0, 'it says that the app failed');
  await page.context().setOffline(false);
  await frame.getByText('Tea and milk', { exact: true }).waitFor();
  await frame.getByText('No connection.').waitFor({ state: 'hidden' });
  assert.equal(await field.inputValue(), '');
  assert.equal(await frame.getByText('Tea and milk', { exact: true }).count(), 1);
});

test('what was done before the page is left is done, also what had not been sent', async () => {
  const page = await signIn('alice', '/browse/DEMO-5');
  const field = await shown(page, (f) => f.getByLabel('New item'));
  const frame = await (await field.elementHandle()).ownerFrame();
  await field.fill('Oolong');
  await frame.getByRole('button', { name: 'Add', exact: true, disabled: false }).waitFor();
  // From here on nothing arrives in time: the page is gone before.
  await page.route('**/bridge/ui/*/event', () => {});
  await field.pressSequentially(' and jasmine');
  await frame.getByRole('button', { name: 'Add', exact: true }).click();
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.reload();
  await (await shown(page, (f) => f.getByText('Oolong and jasmine', { exact: true }))).waitFor();
});

test('a function that an app’s page called comes to its end, also when the page is left', async () => {
  const page = await signIn('alice', '/browse/DEMO-1');
  const until = async (frame, what) => {
    let is;
    for (let n = 0; n < 100; n++, await page.waitForTimeout(100)) if ((is = await frame.evaluate(() => sdk.invoke('kept'))) === what) return;
    throw new Error(`it is ${is}, not ${what}`);
  };
  const { frame } = await frameOf(page, 'probe');
  await frame.evaluate(() => void sdk.invoke('late').catch(() => {}));
  await until(frame, 'begun');
  await page.reload();
  await until((await frameOf(page, 'probe')).frame, 'done');
});

// Browsers open six connections to a host for requests, over all of a person's tabs.
test('as many views as a person has open go on, and functions that take long beside them', async () => {
  const first = await signIn('alice', '/browse/DEMO-4');
  const pages = [first];
  for (let n = 0; n < 3; n++) {
    pages.push(await first.context().newPage());
    await pages.at(-1).goto(`${demo.access.productPageUrl}/browse/DEMO-4`);
  }
  for (const page of pages.toReversed()) {
    await page.bringToFront();
    const field = await shown(page, (f) => f.getByLabel('New item'));
    const frame = await (await field.elementHandle()).ownerFrame();
    await field.fill('Assam');
    await frame.getByRole('button', { name: 'Add', exact: true, disabled: false }).waitFor();
    await field.fill('');
    await frame.getByRole('button', { name: 'Add', exact: true, disabled: true }).waitFor();
  }
});

test('a view goes on where something between lets no sockets through', async () => {
  const page = await signIn('alice', '/issues');
  await page.addInitScript(() => { self.WebSocket = class { constructor() { setTimeout(() => this.onclose({ wasClean: false }), 0); } close() {} }; });
  await page.goto(`${demo.access.productPageUrl}/browse/DEMO-4`);
  const field = await shown(page, (f) => f.getByLabel('New item'));
  const frame = await (await field.elementHandle()).ownerFrame();
  await field.fill('Darjeeling');
  await frame.getByRole('button', { name: 'Add', exact: true, disabled: false }).waitFor();
});

test('an answer that got lost on its way has nothing done twice', async () => {
  const page = await signIn('alice', '/projects/DEMO/apps');
  await (await shown(page, (f) => f.getByRole('tab', { name: 'Lazy' }))).click();
  const press = await shown(page, (f) => f.getByRole('button', { name: 'Press' }));
  const frame = await (await press.elementHandle()).ownerFrame();
  // The server takes the event; what it says breaks off, twice for each.
  const session = await page.context().newCDPSession(frame).catch(() => page.context().newCDPSession(frame.parentFrame()));
  let sent = 0;
  session.on('Fetch.requestPaused', ({ requestId }) => void session.send(...(sent++ % 3 < 2 ? ['Fetch.failRequest', { requestId, errorReason: 'ConnectionReset' }] : ['Fetch.continueRequest', { requestId }])).catch(() => {}));
  await session.send('Fetch.enable', { patterns: [{ urlPattern: '*/bridge/ui/*/event', requestStage: 'Response' }] });
  await press.click();
  await frame.getByText('Pressed 1 times').waitFor();
  await press.click();
  await frame.getByText('Pressed 2 times').waitFor();
  for (let n = 0; n < 100 && sent < 6; n++) await page.waitForTimeout(100);
  assert.equal(sent, 6);
  await page.waitForTimeout(300);
  await frame.getByText('Pressed 2 times').waitFor();
  assert.equal(await frame.getByRole('alert').count(), 0);
});

test('a panel out of sight is as high as what is in it', async () => {
  const page = await signIn('alice', '/issues');
  await page.addInitScript(() => { if (self === top) addEventListener('DOMContentLoaded', () => { document.body.style.paddingTop = '6000px'; }); });
  await page.goto(`${demo.access.productPageUrl}/browse/DEMO-4`);
  const { frame } = await frameOf(page, 'probe');
  let kit;
  for (let n = 0; n < 100 && !kit; n++, await page.waitForTimeout(100)) for (const f of page.frames()) if (f.url().includes('/shell/app/') && (await f.getByLabel('New item').count().catch(() => 0))) kit = f;
  await atRest(page);
  const height = () => page.evaluate(() => document.querySelector('annex-panel[data-module="tracker:issuePanel"]').offsetHeight);
  const settled = async () => { for (let was = -1, n = 0; n < 50; n++, await page.waitForTimeout(300)) { const is = await height(); if (is === was) return is; was = is; } return height(); };
  for (const [what, f, where] of [['a page of the app’s own', frame, 'body'], ['a view of UI Kit', kit, '#app']]) {
    const before = await settled();
    await f.evaluate((at) => { for (let n = 0; n < 3; n++) { const p = document.createElement('p'); p.style.height = '200px'; document.querySelector(at).append(p); } }, where);
    let is = 0;
    for (let n = 0; n < 100 && (is = await height()) < before + 600; n++) await page.waitForTimeout(100);
    assert.ok(is >= before + 600, `${what}: the panel has ${is} px, and had ${before} before 600 were added`);
  }
  assert.equal(await page.evaluate(() => scrollY), 0);
});

test('a page’s attributes and a used token make nothing', async () => {
  const page = await signIn('bob', '/browse/DEMO-3');
  await frameOf(page, 'probe');
  const state = await page.evaluate(async () => {
    const first = document.querySelector('annex-panel[data-module="tracker:issuePanel"]');
    const tell = (el) => new Promise((r) => el.addEventListener('annex-state', (e) => r(e.detail.state), { once: true }));
    const copy = document.createElement('annex-panel');
    copy.setAttribute('token', first.getAttribute('token'));
    const replayed = tell(copy);
    document.body.append(copy);
    const edited = document.createElement('annex-panel');
    const [head, claims, sign] = first.getAttribute('token').split('.');
    const said = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
    said.sub = 'alice';
    said.admin = true;
    edited.setAttribute('token', [head, btoa(JSON.stringify(said)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''), sign].join('.'));
    const refused = tell(edited);
    document.body.append(edited);
    return { replayed: await replayed, refused: await refused, open: first.shadowRoot, inside: first.childNodes.length };
  });
  assert.deepEqual(state, { replayed: 'error', refused: 'error', open: null, inside: 0 });
});

test('an app’s title is one line of plain letters, and its action opens in a dialog that gives the focus back', async () => {
  const page = await signIn('alice', '/browse/DEMO-4');
  await frameOf(page, 'probe');
  const titles = [];
  for (const f of page.frames()) if (f.url().includes('/shell?')) titles.push(...(await f.locator('h2').allInnerTexts()));
  assert.ok(titles.includes('Invoice gpj.exe'), String(titles));
  let button;
  for (const f of page.frames()) if (f.url().includes('/shell?') && (await f.getByRole('button', { name: 'Stamp it' }).count())) button = f.getByRole('button', { name: 'Stamp it' });
  await button.click();
  const dialog = page.getByRole('dialog', { name: 'Stamp it' });
  await dialog.waitFor();
  // The dialog's page gets the focus when it is there: until then nobody hears a key.
  const listens = async (f) => f.url().includes('.apps.localhost') && f.parentFrame()?.parentFrame()?.url().includes('/shell') && (await f.evaluate(() => document.hasFocus()).catch(() => false));
  for (let n = 0, is = false; n < 200 && !is; n++, await page.waitForTimeout(50)) for (const f of page.frames()) is ||= await listens(f);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
});

test('the shell is usable: by screen readers, on a phone, in the dark', async () => {
  for (const options of [{ viewport: { width: 1200, height: 800 } }, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }]) {
    for (const path of ['/issues', '/browse/DEMO-1', '/dashboard']) {
      const page = await signIn('alice', path, options);
      if (path.startsWith('/browse')) await frameOf(page, 'Board');
      else await page.waitForTimeout(700);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, `${path} is wider than the screen`);
      for (const f of page.frames()) {
        if (!f.url().startsWith(demo.access.uiUrl) && f !== page.mainFrame()) continue;
        await check(page, f, `${path} ${f.url()}`);
      }
      await page.context().close();
    }
  }
});

// Behind a frame of the shell lies the product's page, which axe-core does not see: contrasts
// are looked at in the product's own document.
// check runs axe-core in an isolated world, which the page's policy does not reach.
async function check(page, frame, name) {
  const session = await page.context().newCDPSession(frame).catch(() => null) ?? await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const find = (t) => (t.frame.url === frame.url() ? t.frame.id : (t.childFrames ?? []).map(find).find(Boolean));
  const frameId = find(frameTree) ?? frameTree.frame.id;
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId });
  await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { iframes: false, rules: { 'color-contrast': { enabled: ${frame === page.mainFrame()} } }, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | '))))`,
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, `axe-core did not run on ${name}`);
  assert.deepEqual(JSON.parse(result.value), [], `what is hard to use on ${name}`);
  await session.detach();
}
