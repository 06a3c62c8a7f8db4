// Pages of apps in the platform itself, for products whose own pages cannot show them.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { frameIn } from './people.js';
import { signIn } from './signin.js';

const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000e7a3
  runtime: {name: nodejs22.x}
modules:
  tracker:annexPage: [{key: overview, title: Overview, resource: ui, resolver: {function: resolve}}]
  tracker:annexAdminPage: [{key: settings, title: Settings, resource: ui, resolver: {function: resolve}}]
  function: [{key: resolve, handler: index.resolve}]
resources: [{key: ui, path: static}]
`;
const source = `import Resolver from '@forge/resolver';
const r = new Resolver();
r.define('who', ({ context }) => ({ user: context.accountId, module: context.moduleKey, type: context.extension.type }));
export const resolve = r.getDefinitions();
`;

let demo, app, id;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-app-'));
  mkdirSync(join(app, 'src'));
  mkdirSync(join(app, 'static'));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  writeFileSync(join(app, 'static', 'index.html'), '<!doctype html><title>page</title><h1>An app of its own</h1><p id="who">…</p><script type="module" src="main.js"></script>');
  writeFileSync(join(app, 'static', 'main.js'), "import { invoke } from '/_annex/sdk.js';\nself.invoke = invoke;\nconst w = await invoke('who');\ndocument.getElementById('who').textContent = `${w.user} on ${w.module} of ${w.type}`;\n");
  const where = ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  ({ id } = await demo.run(demo.access.adminToken, app, 'install', '--confirm', ...where));
});
after(async () => {
  await demo?.stop();
  rmSync(app, { recursive: true, force: true });
});

const shown = (page, text) => frameIn(page, async (f) => f.url().includes('.apps.') && (await f.getByText(text).count()) > 0);

test('an app has its page in the platform, as who is signed in there', async () => {
  const context = await demo.browser.newContext({ viewport: { width: 1180, height: 800 } });
  const page = await signIn(context, demo, 'alice', '/my/apps');
  await page.getByRole('link', { name: 'Overview' }).click();
  await shown(page, 'on overview of tracker:annexPage');
  assert.match(page.url(), /\/site\/[^/]+\/app\/[^/]+\/overview$/);
  if (process.env.PICTURES) await page.screenshot({ path: join(process.env.PICTURES, 'console-page.png') });
  // What the element held counted once: nothing in the page opens a session again.
  const token = await page.locator('annex-page').getAttribute('token');
  const again = await page.evaluate(async (panel) => (await fetch('/bridge/session', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ panel }) })).status, token);
  assert.equal(again, 401);
  // Another ticket keeps what is shown, and goes on.
  const frame = await shown(page, 'on overview');
  await page.evaluate(() => document.querySelector('annex-page').dispatchEvent(new CustomEvent('annex-expired')));
  await page.waitForFunction((t) => document.querySelector('annex-page').getAttribute('token') !== t, token);
  assert.equal((await frame.evaluate(() => self.invoke('who'))).module, 'overview');
  // With the platform's own session ends what its page opened.
  const other = await context.newPage();
  await other.goto(demo.access.uiUrl + '/my/apps');
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.waitForURL((u) => !u.pathname.startsWith('/my'));
  // The page is refused another ticket, and goes to where one signs in: the frame goes with it.
  const said = await frame.evaluate(() => self.invoke('who').then(() => 'answered', (e) => e.code)).catch(() => 'gone');
  assert.notEqual(said, 'answered');
  await context.close();
});

test('a page for admins is for admins, and another site has none', async () => {
  const context = await demo.browser.newContext();
  const page = await signIn(context, demo, 'bob', '/my/apps');
  assert.equal(await page.getByRole('link', { name: 'Settings' }).count(), 0);
  const at = new URL(await page.getByRole('link', { name: 'Overview' }).getAttribute('href'), demo.access.uiUrl).href;
  for (const path of [at.replace('/overview', '/settings'), at.replace(/\/site\/[^/]+/, '/site/other'), at.replace('/overview', '/probe')]) {
    assert.equal((await page.goto(path)).status(), 404, path);
  }
  await page.goto(at);
  await shown(page, 'on overview');
  await context.close();
  const admins = await demo.browser.newContext();
  const alice = await signIn(admins, demo, 'alice', new URL(at.replace('/overview', '/settings')).pathname);
  await shown(alice, 'on settings of tracker:annexAdminPage');
  await admins.close();
});
