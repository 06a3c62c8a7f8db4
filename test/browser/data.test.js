// The page of data, used by a person: where an app sends, what it may, what an admin sets and
// takes away, on a desk and on a phone, with and without scripts.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { look } from './look.js';
import { signIn } from './signin.js';

const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000da7a1
  name: Reports
  runtime: {name: nodejs22.x}
permissions:
  scopes: [storage:app, read:jira-work]
  external:
    configurable: true
    images: ['*.pictures.example.com']
    fetch:
      backend: [api.example.com, {address: stats.example.net, category: analytics, inScopeEUD: false}]
remotes:
  - key: logs
    configurable: {name: Log server, description: Where a line goes for each report.}
  - key: home
    baseUrl: https://home.example.com/base
modules:
  webtrigger: [{key: page, function: report, response: {type: dynamic}}]
  scheduledTrigger: [{key: nightly, function: report, interval: day}]
  tracker:issuePanel: [{key: panel, title: Reports, resource: ui}]
  function: [{key: report, handler: index.report}, {key: register, handler: index.register}]
resources: [{key: ui, path: static}]
`;
const source = `import { asApp, fetch, invokeRemote, route } from '@forge/api';
const said = (p) => p.then((r) => r.status, (e) => e.code ?? e.name);
export const report = async () => [
  await said(fetch('https://evil.example.org/')), await said(invokeRemote('logs', { path: '/line', method: 'POST', body: '{"a":1}' })),
  await said(asApp().requestJira(route\`/rest/api/3/issue/DEMO-1\`)),
];
export const register = async () => (await asApp().requestGraph('mutation ($input: RegisterModuleInput!) { registerModule(input: $input) { success errors { message } } }',
  { input: { key: 'second', type: 'remote', userDefined: { name: 'Second log server', description: 'For the copies', domainPatterns: ['*.example.com'] } } })).json();
`;

let demo, app, server, installation;
const lines = [];
before(async () => {
  server = createServer((req, res) => { lines.push({ path: req.url, by: req.headers['x-report-key'] }); req.resume().on('end', () => res.end('{}')); }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  demo = await start({ demo: ['--upstream', `10.20.0.5=127.0.0.1:${server.address().port}`] });
  app = mkdtempSync(join(tmpdir(), 'annex-browser-data-'));
  for (const dir of ['src', 'static']) mkdirSync(join(app, dir));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  writeFileSync(join(app, 'static', 'index.html'), '<!doctype html><title>Reports</title>');
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  const made = await demo.run(demo.access.adminToken, app, 'install', '--confirm', ...where());
  installation = made.installation?.id ?? made.id;
  await demo.run(demo.operatorToken(), app, 'network', 'add', demo.access.site, '10.20.0.0/16', '--port', '8088', '--note', 'log servers');
});
after(async () => {
  await demo?.stop();
  server?.close();
  rmSync(app, { recursive: true, force: true });
});

const where = () => ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
const invoke = (name) => demo.run(demo.access.developerToken, app, 'invoke', name, ...where());

// open signs Alice in, and looks at the page of data.
async function open(options = {}) {
  const context = await demo.browser.newContext({ viewport: { width: 1000, height: 760 }, ...options });
  const complaints = [];
  context.on('page', (p) => p.on('console', (m) => m.type() === 'error' && !/404|403|422/.test(m.text()) && complaints.push(m.text())));
  const page = await signIn(context, demo, 'alice', `/apps/${installation}/data`);
  await page.getByRole('heading', { name: /Where .*Reports.* sends data/ }).waitFor();
  const button = (name) => page.getByRole('button', { name });
  // sure presses the last page's button; the page of data follows.
  const sure = async (name, heading) => {
    if (heading) await page.getByRole('heading', { name: heading }).waitFor();
    await page.locator('main').getByRole('button', { name, exact: true }).click();
    await page.getByRole('heading', { name: /Where .*Reports.* sends data/ }).waitFor();
  };
  return { context, page, button, sure, remote: (key) => page.locator(`[data-annex-remote=${key}]`), complaints };
}

test('an admin sets all that there is to set of an app’s ways out, and sees what went', async () => {
  const { context, page, button, sure, remote, complaints } = await open();
  await look(page, 'data-new');

  // A host more; it says who, when and what went.
  await page.getByLabel('What for').selectOption('FETCH_BACKEND_SIDE');
  await page.getByLabel('Host', { exact: true }).fill('maps.example.com');
  await button('Add …').click();
  await sure('Allow');
  const set = page.getByRole('region', { name: 'Addresses that admins added' });
  await set.getByText('maps.example.com').first().waitFor();
  assert.match(await set.innerText(), /by Alice|by alice/);

  // Its log server is in a private network: a host of it is opened, then the address counts.
  await remote('logs').getByText('Open a private network to it').click();
  await remote('logs').getByLabel('Host or address').fill('10.20.0.5');
  await remote('logs').getByLabel('Port').fill('8088');
  await look(page, 'data-network');
  await button('Open … for logs').click();
  await page.getByRole('heading', { name: /Open a private network to the remote logs/ }).waitFor();
  await look(page, 'data-network-sure');
  await sure('Open');
  await remote('logs').getByLabel(/^Address/).fill('http://10.20.0.5:8088');
  await remote('logs').getByLabel(/^Why/).fill('our own log server');
  await button('Set … logs').click();
  await sure('Save', /Set where the remote logs/);
  assert.match(await remote('logs').innerText(), /http:\/\/10\.20\.0\.5:8088[^]*Why: “?our own log server/);

  // The other remote gets a credential; the secret is typed on the last page alone.
  await remote('home').getByText('Give it a credential').click();
  await remote('home').getByLabel('Kind').selectOption('bearer');
  await look(page, 'data-credential');
  await button('Go on … with the credential of home').click();
  await page.getByLabel(/^The secret/).fill('swordfish-of-alice');
  await look(page, 'data-secret');
  await sure('Store');
  await remote('home').getByText('Called with a credential').waitFor();
  assert.ok(!(await page.content()).includes('swordfish'));

  // What the app registers is listed, and has no address until an admin gives it one.
  await invoke('register');
  assert.deepEqual((await invoke('report')).result?.slice?.(0, 3) ?? (await invoke('report')), ['REQUEST_EGRESS_ALLOWLIST_ERR', 200, 200]);
  assert.ok(lines.length > 0);
  await page.reload();
  await remote('second').getByText('registered by the app').waitFor();
  assert.match(await remote('second').innerText(), /the app cannot call it[^]*Second log server[^]*Within[^]*example\.com/);
  assert.match(await remote('logs').innerText(), /[1-9] requests?, [1-9][^]*last /);
  const sent = page.getByRole('region', { name: 'What left in the last 30 days' });
  assert.match(await sent.innerText(), /10\.20\.0\.5:8088[^]*refused/);
  await sent.getByText('Over time').first().click();
  await look(page, 'data');

  // Before it ends, what ends with it.
  await page.goto(`${demo.access.uiUrl}/apps/${installation}`);
  await button('Uninstall …').click();
  await page.getByRole('heading', { name: 'What stops working' }).waitFor();
  assert.match(await page.locator('main').innerText(), /In the product “?Reports[^]*Schedule[^]*nightly[^]*10\.20\.0\.5:8088[^]*1 request/);
  await look(page, 'uninstall');
  await page.getByRole('link', { name: 'Not now' }).click();
  await page.getByRole('heading', { name: 'What it may do' }).waitFor();
  await page.goto(`${demo.access.uiUrl}/apps/${installation}/data`);

  // Another address, and away with what there is.
  await remote('second').getByLabel(/^Address/).fill('https://copies.example.com/');
  await button('Set … second').click();
  await sure('Save');
  await remote('second').getByLabel(/^Address/).fill('https://copies.example.net/');
  await button('Set … second').click();
  await page.getByText('nothing was changed').or(page.getByText(/outside|not within/)).first().waitFor();
  await look(page, 'data-outside');
  await page.goto(`${demo.access.uiUrl}/apps/${installation}/data`);
  await button('Remove … second').click();
  await sure('Remove');
  assert.equal(await remote('second').count(), 0);
  await button('Take the credential away … of home').click();
  await sure('Take away');
  await button('Close … 10.20.0.5:8088').click();
  await page.getByText(/it would have refused \d+ requests? to http:\/\/10\.20\.0\.5:8088/).waitFor();
  await look(page, 'data-close');
  await sure('Close');
  await button(/Take away … .*maps\.example\.com/).click();
  await sure('Take away');
  assert.match(await set.innerText(), /None\./);
  await button('Switch off …').click();
  await sure('Switch off', /Switch off what/);
  await page.getByText('is switched off').waitFor();
  await button('Switch on …').click();
  await sure('Switch on');

  assert.deepEqual(complaints, []);
  await context.close();
});

test('all of it is forms: it works without scripts, and by keyboard', async () => {
  const { context, page, button, sure, remote } = await open({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
  assert.ok((await page.locator('html').boundingBox()).width <= 360);
  await page.getByLabel('Host', { exact: true }).fill('maps.example.com');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /^Go on at/ }).click();
  await sure('Allow');
  await remote('home').getByText('Give it a credential').focus();
  await page.keyboard.press('Enter');
  await remote('home').getByLabel('Kind').waitFor();
  await button(/Take away … .*maps\.example\.com/).click();
  await page.getByRole('link', { name: /^Go on at/ }).click();
  await sure('Take away');
  await page.getByText('None.').first().waitFor();
  await context.close();
});
