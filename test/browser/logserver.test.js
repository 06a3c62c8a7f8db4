// "My self-hosted log server": a server in the customer's own network. The operator lists the
// network for the site, an admin opens one host of it and approves the address that the app
// asks for, the app sends; a user sees no page to decide in; what the admin takes back is
// refused. The pictures in docs/img are taken here (PICTURES=1).
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './demo.js';
import { signIn, typePassword } from './signin.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const lines = [];
let demo, installation, server;
before(async () => {
  server = createServer((req, res) => {
    let body = '';
    req.on('data', (d) => (body += d));
    req.on('end', () => { lines.push({ path: req.url, host: req.headers.host, proof: req.headers.authorization, event: JSON.parse(body).event }); res.end('{}'); });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The address stays what it is, a private one; only the last step leads to this machine.
  demo = await start({ demo: ['--upstream', `10.20.0.5=127.0.0.1:${server.address().port}`] });
  const app = join(root, 'examples/apps/logserver');
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  const made = await demo.run(demo.access.adminToken, app, 'install', '--confirm', '--environment', 'development', '--site', demo.access.site, '--product', demo.access.product);
  installation = made.installation?.id ?? made.id;
});
after(async () => { await demo?.stop(); server?.close(); });

const picture = async (page, name) => {
  if (process.env.PICTURES) await page.screenshot({ path: join(root, 'docs/img', `${name}.png`) });
};
const until = async (what, is) => {
  for (let n = 0; n < 300; n++) {
    const got = await is();
    if (got) return got;
    await new Promise((r) => { setTimeout(r, 100); });
  }
  throw new Error(`waited in vain for ${what}`);
};
const frameWith = (page, what, part, selector) => until(what, async () => {
  for (const f of page.frames()) if (f.url().includes(part) && (await f.locator(selector).count().catch(() => 0))) return f;
  return null;
});
const armed = (button) => until('the button', async () => (await button.getAttribute('aria-disabled')) === null);
const operator = (...args) => demo.run(demo.operatorToken(), root, ...args);
const admin = (...args) => demo.run(demo.access.adminToken, root, ...args);

async function open(name, path) {
  const context = await demo.browser.newContext({ viewport: { width: 1180, height: 820 } });
  const page = await context.newPage();
  await page.goto(`${demo.access.productPageUrl}/login?next=${encodeURIComponent(path)}`);
  await typePassword(page, demo, name);
  await page.waitForURL(demo.access.productPageUrl + path);
  return { context, page };
}

async function settings(page) {
  await (await frameWith(page, 'the tab', '/shell?', '[role=tab]')).getByRole('tab', { name: 'Log server' }).click();
  return frameWith(page, 'the app', '.apps.localhost', 'input[name=url]');
}

test('an address in a private network takes two keys, and then a line goes there', async () => {
  const { page, context } = await open('alice', '/admin/apps');
  const app = await settings(page);
  const set = async () => {
    await app.locator('input[name=url]').fill('http://10.20.0.5:8088');
    await app.getByRole('button', { name: 'Set', exact: true }).click();
  };
  await app.getByText('No log server is set').waitFor();
  await set();
  await app.locator('#said.alert').waitFor();
  assert.equal(await page.locator('dialog').count(), 0, 'a page to decide in without both keys');

  const network = await operator('network', 'add', demo.access.site, '10.20.0.0/16', '--port', '8088', '--note', 'log servers');
  await set();
  await app.locator('#said.alert').waitFor();
  assert.equal(await page.locator('dialog').count(), 0, 'the operator alone opened it');
  await admin('network', 'grant', installation, 'logs', '10.20.0.5:8088', '--network', network.id);
  assert.deepEqual(lines, []);

  await page.reload();
  const again = await settings(page);
  await again.locator('input[name=url]').fill('http://10.20.0.5:8088');
  await again.getByRole('button', { name: 'Set', exact: true }).click();
  const shown = await frameWith(page, 'the modal', '/ask/modal', '[data-annex-allow]');
  const allow = shown.locator('[data-annex-allow]');
  await armed(allow);
  await picture(page, 'logserver-modal');
  const [window_] = await Promise.all([context.waitForEvent('page'), allow.click()]);
  const go = window_.locator('[data-annex-sign-in]');
  await go.waitFor();
  await armed(go);
  await go.click();
  const sure = window_.locator('[data-annex-allow]');
  await sure.waitFor();
  await armed(sure);
  await picture(window_, 'logserver-window');
  await sure.click();
  await window_.locator('[data-annex-decided=allowed]').waitFor();
  await again.getByText('Lines go to http://10.20.0.5:8088').waitFor();
  await again.getByRole('button', { name: 'Send a line to try it' }).click();
  await again.getByText('A line was sent.').waitFor();
  assert.equal(lines.length, 1);
  assert.deepEqual([lines[0].path, lines[0].host, lines[0].event.what], ['/services/collector/event', '10.20.0.5:8088', 'a line to try it']);
  assert.match(lines[0].proof, /^Bearer ey/);
  await picture(page, 'logserver-set');
  await context.close();
});

test('a user sees no page to decide in, and what the user does is told to the server', async () => {
  const { page, context } = await open('bob', '/');
  const asked = [];
  page.on('request', (r) => asked.push(r.url()));
  await page.locator('details.create summary').click();
  await page.locator('#summary').fill('The printer smokes');
  await page.locator('form[action="/issues"] button').first().click();
  await page.getByText('The printer smokes').first().waitFor();
  assert.equal(await page.locator('dialog').count(), 0);
  assert.ok(!asked.some((u) => u.includes('/ask/')));
  await until('the line about the issue', () => lines.find((l) => l.event.what === 'issue made' && l.event.issue));
  await context.close();
});

test('the page of data says where it is, who set it and when it was used', async () => {
  const context = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
  const page = await signIn(context, demo, 'alice', `/apps/${installation}/data`);
  await page.waitForURL(`**/apps/${installation}/data`);
  const remote = page.locator('[data-annex-remote=logs]');
  assert.match(await remote.innerText(), /http:\/\/10\.20\.0\.5:8088[^]*Set by [^]*[1-9] requests?,/);
  await remote.scrollIntoViewIfNeeded();
  await picture(page, 'logserver-data');
  await context.close();
});

test('what the admin takes back is refused, for what is open too', async () => {
  const { page, context } = await open('alice', '/admin/apps');
  const app = await settings(page);
  await app.getByText('Lines go to').waitFor();
  const before = lines.length;
  await admin('network', 'revoke', installation, 'logs', '10.20.0.5:8088');
  await app.getByRole('button', { name: 'Send a line to try it' }).click();
  await app.locator('#said.alert').waitFor();
  await page.reload();
  await (await settings(page)).getByText('No log server is set').waitFor();
  await picture(page, 'logserver-revoked');
  assert.equal(lines.length, before);
  await context.close();
});
