// What an app runs by itself, what it gave up and what it left behind, and the programs of
// people: as a person sees and uses these pages, also by keyboard.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { look } from './look.js';
import { openProduct } from './people.js';
import { signIn } from './signin.js';

// An app that keeps a value of each new issue and then fails.
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000c0119
  name: Night shift
  runtime: {name: nodejs22.x}
permissions:
  scopes: [storage:app, read:jira-work]
modules:
  trigger: [{key: made, function: made, events: ["avi:jira:created:issue"]}]
  function: [{key: made, handler: index.made}]
`;
const source = `import { kvs } from '@forge/kvs';
export const made = async (event) => { await kvs.set('last', event.issue.key); throw new RangeError('out of ink'); };`;

let demo, app, installation;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-running-'));
  mkdirSync(join(app, 'src'));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'production', '--approve');
  const made = await demo.run(demo.access.adminToken, app, 'install', '--confirm', '--environment', 'production', '--site', demo.access.site, '--product', demo.access.product);
  installation = made.installation?.id ?? made.id;
});
after(async () => {
  rmSync(app, { recursive: true, force: true });
  await demo?.stop();
});

const size = { viewport: { width: 1000, height: 760 } };

// press goes to a button or link by name and presses it, with the keyboard alone.
async function press(page, role, name, options = {}) {
  await page.getByRole(role, { name, ...options }).first().focus();
  await page.keyboard.press('Enter');
}

test('what an app gave up is looked at, tried again and dropped; what it left is taken along and erased', async () => {
  const product = await openProduct(await demo.browser.newContext(size), demo, 'bob');
  await product.locator('details.create summary').click();
  await product.locator('#summary').fill('The printer smokes');
  await product.locator('form[action="/issues"] button').first().click();
  await product.getByText('The printer smokes').first().waitFor();

  const context = await demo.browser.newContext(size);
  const page = await signIn(context, demo, 'alice', `/apps/${installation}`);
  await press(page, 'link', /What it runs/);
  await page.getByRole('heading', { name: /runs and uses/ }).waitFor();
  for (let n = 0; n < 100 && (await page.getByRole('link', { name: /^Look at/ }).count()) === 0; n++) {
    await page.waitForTimeout(100);
    await page.reload();
  }
  await look(page, 'running');
  await press(page, 'link', /^Look at/);
  await page.getByRole('heading', { name: /Given up by/ }).waitFor();
  await page.getByText('FUNCTION_ERR').waitFor();
  assert.match(await page.locator('pre').innerText(), /issue/);
  assert.doesNotMatch(await page.locator('main').innerText(), /out of ink/); // the app's own words are in its log
  await look(page, 'letter');
  await press(page, 'button', /^Drop/);
  await press(page, 'button', 'Drop', { exact: true });
  await page.getByText('Nothing.').waitFor();

  await page.goto(`${demo.access.uiUrl}/apps/${installation}`);
  await press(page, 'button', /^Uninstall/);
  await press(page, 'button', 'Uninstall', { exact: true });
  await page.getByText('The app is gone.').waitFor();
  await page.getByRole('heading', { name: /not yet erased/ }).waitFor();
  await look(page, 'left');
  const taken = page.waitForEvent('download');
  await press(page, 'link', /Take along/);
  assert.match((await taken).suggestedFilename(), /ndjson$/);
  await press(page, 'button', /^Erase/);
  await page.getByRole('heading', { name: /Erase/ }).waitFor();
  await press(page, 'button', 'Erase', { exact: true });
  await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: /not yet erased/ }).count(), 0);
  await context.close();
});

const post = async (path, fields) => (await fetch(demo.access.url + path, { method: 'POST', ...fields })).json();
const form = (fields) => ({ body: new URLSearchParams(fields) });

test('a program shows a code or has the browser come back, and its user lets it in and ends it', async () => {
  const resource = `${demo.access.url}/mcp/${demo.access.site}`;
  const context = await demo.browser.newContext(size);
  const page = await signIn(context, demo, 'bob', '/my/programs');
  const asked = await post('/oauth/device_authorization', form({ client_id: 'Desk assistant', resource }));
  await page.getByLabel('Code').fill(asked.user_code);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /Desk assistant/ }).waitFor();
  await look(page, 'program');
  await press(page, 'button', 'Let it in');
  await page.getByRole('heading', { name: 'My programs' }).waitFor();
  const got = await post('/oauth/token', form({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: asked.device_code, client_id: 'Desk assistant' }));
  assert.match(got.access_token, /^anx_user_/);
  await page.goto(`${demo.access.uiUrl}/my/programs`);
  await page.getByRole('button', { name: /^End/ }).waitFor();
  await look(page, 'programs');
  const listed = (token) => fetch(resource, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' }, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
  assert.notEqual((await listed(got.access_token)).status, 401);
  await press(page, 'button', /^End/);
  await page.getByText('None.').waitFor();
  assert.equal((await listed(got.access_token)).status, 401);

  const back = 'http://127.0.0.1:1/back';
  const client = await post('/oauth/register', { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ client_name: 'Desk assistant', redirect_uris: [back] }) });
  const challenge = createHash('sha256').update('a'.repeat(64)).digest('base64url');
  await page.goto(`${demo.access.uiUrl}/my/programs/authorize?` + new URLSearchParams({ response_type: 'code', client_id: client.client_id, redirect_uri: back, code_challenge: challenge, code_challenge_method: 'S256', resource, state: 's' }));
  await page.getByRole('heading', { name: /Desk assistant/ }).waitFor();
  assert.ok((await page.locator('main').innerText()).includes('127.0.0.1:1'));
  await look(page, 'program-back');
  await context.close();
});
