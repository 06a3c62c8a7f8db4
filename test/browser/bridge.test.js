// The bridge as an app's own page uses it, member by member; the states in which the platform
// shows no app; and a front end in a tab of its own, with a simulated host.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './demo.js';
import { frameIn, openProduct } from './people.js';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'internal', 'assets', 'dist');
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000b71d6
  name: Bridge
  runtime: {name: nodejs22.x}
permissions: {scopes: ["read:jira-work", "storage:app"], external: {images: ["*.pictures.example.com"]}}
modules:
  tracker:issuePanel: [{key: one, title: One, resource: one, resolver: {function: resolve}}, {key: two, title: Two, resource: two, resolver: {function: resolve}}]
  tracker:globalPage: [{key: page, title: Whole page, resource: one, resolver: {function: resolve}}]
  function: [{key: resolve, handler: index.resolve}]
resources: [{key: one, path: static/one}, {key: two, path: static/two}]
translations:
  resources: [{key: en-US, path: locales/en.json}, {key: de-DE, path: locales/de.json}]
  fallback: {default: en-US}
`;
const html = (title) => `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1><p id=here>the app is here</p><script type="module" src="main.js"></script></html>`;
const files = {
  'manifest.yml': manifest,
  'src/index.js': "import Resolver from '@forge/resolver';\nconst r = new Resolver();\nr.define('echo', ({ payload, context }) => ({ payload, user: context.accountId }));\nr.define('nothing', () => undefined);\nexport const resolve = r.getDefinitions();\n",
  'locales/en.json': JSON.stringify({ greeting: 'Hello', deep: { er: 'deeper' } }), 'locales/de.json': JSON.stringify({ greeting: 'Hallo', deep: { er: 'tiefer' } }),
  'static/one/index.html': html('One'), 'static/two/index.html': html('Two'),
  'static/one/main.js': "import * as sdk from '/_annex/sdk.js';\nself.sdk = sdk;\n", 'static/two/main.js': "import * as sdk from '/_annex/sdk.js';\nself.sdk = sdk;\n",
};

// The fields of a context that every app has.
const inProduct = ['accountId', 'cloudId', 'extension', 'localId', 'locale', 'moduleKey', 'siteUrl', 'timezone', 'theme', 'environmentId', 'environmentType', 'permissions', 'userAccess', 'surfaceColor', 'installContext', 'principal', 'accountType'];

let demo, app;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-bridge-'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, file)), { recursive: true });
    writeFileSync(join(app, file), text);
  }
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  await demo.run(demo.access.adminToken, app, 'install', '--confirm', '--environment', 'development', '--site', demo.access.site, '--product', demo.access.product);
});
after(async () => {
  await demo?.stop();
  if (app) rmSync(app, { recursive: true, force: true });
});

const titled = (page, title, also = () => true) => frameIn(page, async (f) => f.url().includes('.apps.localhost') && (await f.title()) === title && (await f.evaluate(() => Boolean(self.sdk))) && also(f));
const code = (frame, call) => frame.evaluate(`(${call})().then(() => 'resolved', (e) => e.code)`);

test('what an app’s page asks of the bridge is answered, member by member', async () => {
  const context = await demo.browser.newContext();
  const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  const one = await titled(page, 'One');
  const two = await titled(page, 'Two');

  // The fields that apps read.
  const about = await one.evaluate(() => sdk.view.getContext());
  for (const name of inProduct) assert.ok(name in about, `no ${name}`);
  assert.equal(about.accountId, 'alice');
  assert.equal(about.principal.accountId, 'alice');
  assert.equal(about.moduleKey, 'one');
  assert.equal(about.environmentType, 'DEVELOPMENT');
  assert.match(about.localId, /^ari:cloud:ecosystem::extension\/[^/]+\/[^/]+\/static\/one$/);
  assert.deepEqual([about.extension.issue.key, typeof about.extension.issue.id, about.extension.project.key, typeof about.extension.project.id, about.extension.type], ['DEMO-1', 'string', 'DEMO', 'string', 'tracker:issuePanel']);
  assert.match(about.theme.colorMode, /^(light|dark)$/);
  assert.deepEqual(about.permissions.external.images, ['https://*.pictures.example.com']);
  assert.ok(about.permissions.scopes.includes('read:jira-work'));

  // Functions of the app.
  assert.deepEqual(await one.evaluate(() => sdk.invoke('echo', { a: [1, null] })), { payload: { a: [1, null] }, user: 'alice' });
  assert.deepEqual(await one.evaluate(() => sdk.makeInvoke()('nothing')), {});
  assert.equal(await code(one, "() => sdk.invoke('missing')"), 'FUNCTION_ERR');

  // Events reach other pages of the app, and take their listeners off.
  await two.evaluate(async () => { self.heard = []; self.sub = await sdk.events.on('news', (p) => heard.push(p)); });
  await one.evaluate(() => sdk.events.emit('news', { n: 1 }));
  await two.waitForFunction(() => self.heard.length === 1, null, { polling: 100 });
  assert.deepEqual(await two.evaluate(() => heard), [{ n: 1 }]);
  await two.evaluate(() => sub.unsubscribe());
  await one.evaluate(() => sdk.events.emit('news', { n: 2 }));
  await page.waitForTimeout(200);
  assert.equal(await two.evaluate(() => heard.length), 1);

  // A dialog of another resource, with what it is given, and what comes of it.
  await one.evaluate(() => new sdk.Modal({ resource: 'two', title: 'Choose', size: 'small', context: { of: 'one' }, onClose: (p) => { self.chosen = p; } }).open());
  const dialog = page.getByRole('dialog', { name: 'Choose' });
  await dialog.waitFor();
  const inside = await titled(page, 'Two', async (f) => (await f.evaluate(() => sdk.view.getContext())).extension.modal !== undefined);
  assert.deepEqual((await inside.evaluate(() => sdk.view.getContext())).extension.modal, { of: 'one' });
  await inside.evaluate(() => void sdk.view.close({ picked: 7 }));
  await dialog.waitFor({ state: 'detached' });
  await one.waitForFunction(() => self.chosen !== undefined, null, { polling: 100 });
  assert.deepEqual(await one.evaluate(() => chosen), { picked: 7 });

  // Flags, their actions, and taking them away.
  await one.evaluate(() => { self.flag = sdk.showFlag({ id: 'f', title: 'Saved', description: 'all of it', type: 'success', actions: [{ text: 'Undo', onClick: () => { self.undone = true; } }] }); });
  await page.getByText('all of it').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await one.waitForFunction(() => self.undone, null, { polling: 100 });
  await one.evaluate(() => flag.close());
  await page.getByText('all of it').waitFor({ state: 'detached' });

  // Numbers where texts are meant, null where something may be left out, a size in pixels.
  await one.evaluate(() => { self.flag = sdk.showFlag({ id: 7, title: 2026, description: 41, type: 'no such', actions: null }); });
  await page.getByText('2026', { exact: true }).waitFor();
  await page.getByText('41', { exact: true }).waitFor();
  await one.evaluate(() => flag.close());
  await one.evaluate(() => new sdk.Modal({ resource: 'two', title: 2026, size: { width: 500, height: '50%' }, context: null }).open());
  const sized = page.getByRole('dialog', { name: '2026' });
  await sized.waitFor();
  const box = await sized.boundingBox();
  assert.deepEqual([Math.round(box.width), Math.round(box.height)], [500, Math.round(page.viewportSize().height / 2)]);
  await (await titled(page, 'Two', async (f) => f.evaluate(() => sdk.view.getContext().then((c) => c.extension.modal !== undefined)))).evaluate(() => void sdk.view.close());
  await sized.waitFor({ state: 'detached' });

  // The theme follows the product's.
  await one.evaluate(async () => { self.themes = []; await sdk.view.theme.enable(); await sdk.view.theme.onChange((t) => themes.push(t.colorMode)); });
  assert.equal(await one.evaluate(() => document.documentElement.dataset.colorMode), 'light');
  await page.evaluate(() => document.querySelectorAll('annex-panel').forEach((p) => p.setAttribute('theme', 'dark')));
  await one.waitForFunction(() => document.documentElement.dataset.colorMode === 'dark' && themes.includes('dark'), null, { polling: 100 });

  // Texts, permissions, places.
  assert.deepEqual(await one.evaluate(async () => { const t = await sdk.i18n.createTranslationFunction('de-DE'); return [t('greeting'), t('deep.er'), t('none', 'else'), t('none')]; }), ['Hallo', 'tiefer', 'else', 'none']);
  assert.deepEqual(await one.evaluate(() => sdk.checkPermissions({ scopes: ['read:jira-work', 'write:jira-work'], external: { images: ['https://a.pictures.example.com', 'https://b.example.org'] } })).then((p) => [p.granted, p.missing.scopes, p.missing.external?.images]), [false, ['write:jira-work'], ['https://b.example.org']]);
  assert.equal(await one.evaluate(() => sdk.router.getUrl({ target: 'issue', issueKey: 'DEMO-2' }).then((u) => u.href)), `${demo.access.productPageUrl}/browse/DEMO-2`);
  assert.equal(await code(one, "() => sdk.view.submit({ a: 1 })"), 'NOT_HERE'); // nobody in the page takes it
  assert.equal(await code(one, "() => sdk.requestProduct('nothing', '/x')"), 'PRODUCT_NOT_INSTALLED');
  await one.evaluate(() => sdk.view.emitReadyEvent());

  // What has a name and nothing behind it says so.
  for (const call of ['requestTeamworkGraph', 'invokeService', 'createUploadPromise', 'getCookieConsentPreferences', 'realtime.subscribe', 'realtime.publish', 'realtime.subscribeGlobal', 'realtime.publishGlobal', 'objectStore.upload', 'objectStore.download', 'objectStore.getMetadata', 'objectStore.delete',
    'rovo.open', 'frontendCustomMetrics.counter', 'events.onPublic', 'events.emitPublic', 'view.getFrameDispatch', 'view.createAdfRendererIframeProps']) {
    const got = await one.evaluate(`sdk.${call}('x', {}).then(() => null, (e) => [e.code, e.message])`);
    assert.deepEqual([got?.[0], /is not offered by this product/.test(got?.[1])], ['NOT_OFFERED', true], `${call}: ${got}`);
  }
  assert.equal(await one.evaluate(() => sdk.rovo.isEnabled()), false);
  assert.equal(await code(one, '() => new sdk.FeatureFlags().initialize()'), 'NOT_OFFERED');
  for (const command of ['reconcile', 'getFrameId', 'getFrameDispatch', 'subscribeRealtimeChannel', 'publishRealtimeChannel', 'openRovo', 'initFeatureFlags', 'emitFrontendCustomMetric', 'getCookieConsentPreferences', 'trackObjectStoreAction', 'requestTeamworkGraph', 'fetchUserRecommendations', 'onError', 'emitPublic']) {
    assert.equal(await code(one, `() => __bridge.callBridge('${command}', {})`), 'NOT_OFFERED', command);
  }

  // The page loads again; so does the product's, when the app says that something changed.
  await one.evaluate(() => { self.before = true; void sdk.router.reload(); });
  const again = await titled(page, 'One', (f) => f.evaluate(() => !self.before));
  await Promise.all([page.waitForEvent('load'), again.evaluate(() => void sdk.view.refresh())]);
  await (await titled(page, 'One')).evaluate(() => void sdk.router.navigate('/browse/DEMO-2'));
  await page.waitForURL(/\/browse\/DEMO-2$/);
  await context.close();
});

test('a whole page of an app has the window’s title and its place in the address', async () => {
  const context = await demo.browser.newContext();
  const page = await openProduct(context, demo, 'alice', '/apps');
  const one = await titled(page, 'One');
  await one.evaluate(() => sdk.view.changeWindowTitle('Chapter \u202E2'));
  await page.waitForFunction(() => document.title === 'Chapter 2 · Bridge');
  await one.evaluate(async () => { self.moves = []; self.past = await sdk.view.createHistory(); past.listen(({ location }) => moves.push(location.pathname)); past.push('/two'); });
  await page.waitForURL(/#\/two$/);
  await page.goBack();
  await one.waitForFunction(() => moves.at(-1) === '/', null, { polling: 100 });
  await context.close();
});

test('a browser that does not enforce the policy of a page shows none of it', async () => {
  const context = await demo.browser.newContext({ bypassCSP: true });
  const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  const seen = [];
  for (let n = 0; n < 100; n++) {
    seen.length = 0;
    for (const f of page.frames()) if (f.url().includes('.apps.localhost')) seen.push(await f.evaluate(() => document.documentElement.textContent).catch(() => ''));
    if (seen.length >= 2 && seen.every((t) => t.startsWith('This browser does not enforce'))) break;
    await page.waitForTimeout(100);
  }
  assert.ok(seen.length >= 2);
  for (const text of seen) assert.match(text, /^This browser does not enforce the security policy of the page/);
  await context.close();
});

test('an app that must not run is said to be blocked, in its place, in the reader’s words', async () => {
  const context = await demo.browser.newContext();
  await demo.run(demo.operatorToken(), app, 'app', 'suspend', 'it is looked at');
  const page = await openProduct(context, demo, 'bob', '/browse/DEMO-1');
  const list = await frameIn(page, (f) => f.getByText('One is blocked by your admin').count());
  await list.getByText('for an admin of this site to decide').first().waitFor();
  assert.ok(!page.frames().some((f) => f.url().includes('.apps.localhost') && f.parentFrame()?.url().includes('/shell/app/') && f.name() === 'One'));
  await demo.run(demo.operatorToken(), app, 'app', 'resume');
  await context.close();
});

test('a front end runs in a tab of its own, with a simulated host', async () => {
  const server = createServer((req, res) => {
    const sdk = req.url.endsWith('.js');
    res.writeHead(200, { 'content-type': sdk ? 'text/javascript' : 'text/html' }).end(sdk ? readFileSync(join(dist, 'bridge-sdk.js')) : '<!doctype html><title>alone</title><p>alone</p>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const context = await demo.browser.newContext({ locale: 'de-DE' });
  try {
    const page = await context.newPage();
    const said = [];
    page.on('console', (m) => said.push(m.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const got = await page.evaluate(async () => {
      self.annexSimulation = {
        context: { extension: { issue: { key: 'SIM-1' } } }, functions: { list: (p) => [p, 'two'] },
        request: (product, path) => new Response(JSON.stringify({ product, path }), { status: 201, headers: { 'content-type': 'application/json' } }), translations: { 'de-DE': { greeting: 'Hallo' } },
      };
      const sdk = await import('/sdk.js');
      const heard = [];
      await sdk.events.on('e', (p) => heard.push(p));
      await sdk.events.emit('e', { n: 1 });
      const res = await sdk.requestJira('/rest/api/3/myself');
      const history = await sdk.view.createHistory();
      history.push('/two');
      sdk.showFlag({ id: 'f', title: 'A flag' });
      await sdk.view.theme.enable();
      return {
        context: (await sdk.view.getContext()).extension.issue.key, list: await sdk.invoke('list', 1), heard, status: res.status, body: await res.json(), at: location.hash, t: (await sdk.i18n.createTranslationFunction())('greeting'),
        mode: document.documentElement.dataset.colorMode, nothing: await sdk.invoke('none'), fields: Object.keys(await sdk.view.getContext()), missing: await sdk.realtime.subscribe('x').catch((e) => e.code),
      };
    });
    const { fields, ...rest } = got;
    // A front end that is written against it finds what the real one has.
    for (const name of inProduct) assert.ok(fields.includes(name), `the simulated context has no ${name}`);
    assert.deepEqual(rest, { context: 'SIM-1', list: [1, 'two'], heard: [{ n: 1 }], status: 201, body: { product: 'jira', path: '/rest/api/3/myself' }, at: '#/two', t: 'Hallo', mode: 'light', nothing: {}, missing: 'NOT_OFFERED' });
    assert.ok(said.some((s) => s.includes('A flag')), String(said));
  } finally {
    await context.close();
    server.close();
  }
});
