// "Images from where the customer says", and "my own log server": an app asks, an admin
// decides in the platform's page, a user sees none of it, and what is taken back is gone.
// The pictures in docs/img are taken here (PICTURES=1).
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './demo.js';
import { atRest } from './people.js';
import { typePassword } from './signin.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
let demo, installation;
before(async () => {
  demo = await start();
  const where = ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
  for (const app of ['pictures', 'logserver']) {
    await demo.run(demo.access.developerToken, join(root, 'examples/apps', app), 'deploy', '--environment', 'development');
    const made = await demo.run(demo.access.adminToken, join(root, 'examples/apps', app), 'install', '--confirm', ...where);
    if (app === 'pictures') installation = made.installation?.id ?? made.id;
  }
});
after(() => demo?.stop());

const picture = async (page, name) => {
  if (process.env.PICTURES) await page.screenshot({ path: join(root, 'docs/img', `${name}.png`) });
};

async function open(name, path, options = { viewport: { width: 1180, height: 820 } }) {
  const context = await demo.browser.newContext(options);
  await context.clock.install(); // so that nobody waits until a button counts
  const asked = [];
  await context.route(/^https:\/\//, (route) => { asked.push(route.request().url()); return route.fulfill({ contentType: 'image/png', body: png }); });
  const page = await context.newPage();
  await page.goto(`${demo.access.productPageUrl}/login?next=${encodeURIComponent(path)}`);
  await typePassword(page, demo, name);
  await page.waitForURL(demo.access.productPageUrl + path);
  await atRest(page);
  return { context, page, asked };
}

const until = async (what, is) => {
  for (let n = 0; n < 150; n++) {
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
const pictures = (page) => frameWith(page, 'the app', '.apps.localhost', 'input[name=url]');
const modal = (page) => frameWith(page, 'the modal', '/ask/modal', '[data-annex-allow]');
const armed = (allow) => until('the button', async () => {
  if ((await allow.getAttribute('aria-disabled')) === null) return true;
  await allow.page().clock.runFor(600);
  return (await allow.getAttribute('aria-disabled')) === null;
});
const add = async (frame, url) => {
  // A frame of another site that is out of sight draws nothing, and nobody can press in it.
  await (await frame.frameElement()).evaluate((f) => f.scrollIntoView());
  await frame.locator('input[name=url]').evaluate((f) => f.scrollIntoView({ block: 'center' }));
  await frame.locator('input[name=url]').fill(url);
  await frame.getByRole('button', { name: 'Add' }).click();
};

test('an admin allows a host, and the image loads when the page loads again', async () => {
  const { page, asked, context } = await open('alice', '/browse/DEMO-1');
  let app = await pictures(page);
  await add(app, 'https://pictures.example.com/one.png');
  const ask = app.getByRole('button', { name: 'Ask to allow' });
  await ask.waitFor();
  assert.deepEqual(asked, []);
  assert.equal(await app.evaluate(() => new Promise((r) => { const i = new Image(); i.onload = () => r('loaded'); i.onerror = () => r('blocked'); i.src = 'https://pictures.example.com/one.png'; })), 'blocked');
  await ask.click();
  const shown = await modal(page);
  assert.equal(await shown.locator('[data-annex-app]').innerText(), 'pictures');
  assert.equal(await shown.locator('[data-annex-destination]').getAttribute('data-annex-destination'), 'pictures.example.com');
  assert.deepEqual(await shown.locator('[data-annex-type]').evaluateAll((all) => all.map((n) => n.dataset.annexType)), ['IMAGES']);
  assert.equal(await shown.evaluate(() => document.activeElement.textContent), 'Decline');
  const allow = shown.locator('[data-annex-allow]');
  await armed(allow);
  await picture(page, 'ask-modal');
  await allow.click();
  await until('the image', async () => {
    app = await pictures(page);
    return app.evaluate(() => [...document.images].some((i) => i.naturalWidth > 0)).catch(() => false);
  });
  assert.ok(asked.includes('https://pictures.example.com/one.png'));
  await picture(page, 'ask-allowed');
  await context.close();
});

test('a user is shown no page to decide in, and nothing is kept that could be approved', async () => {
  const { page, context } = await open('bob', '/browse/DEMO-1');
  const app = await pictures(page);
  await until('the image that was allowed', () => app.evaluate(() => [...document.images].some((i) => i.naturalWidth > 0)));
  await add(app, 'https://elsewhere.example.org/two.png');
  const requests = [];
  page.on('request', (r) => requests.push(r.url()));
  await app.getByRole('button', { name: 'Ask to allow' }).click();
  await app.getByText('An admin of this site can allow it here').waitFor();
  assert.equal(await app.evaluate(async () => (await import('/_annex/sdk.js')).permissions.egress.requestDomains(['third.example.org'], { types: ['IMAGES'] }).then(() => 'asked', (e) => e.code)), 'ADMIN_REQUIRED');
  assert.ok(!page.frames().some((f) => f.url().includes('/ask/')) && !requests.some((u) => u.includes('/ask/')));
  assert.equal(await page.locator('dialog').count(), 0);
  await picture(page, 'ask-user');
  await context.close();
});

test('what an admin declines is not granted, and the app learns no more than that', async () => {
  const { page, context } = await open('alice', '/browse/DEMO-1');
  const app = await pictures(page);
  await app.locator('li', { hasText: 'elsewhere.example.org' }).getByRole('button', { name: 'Ask to allow' }).click();
  const shown = await modal(page);
  assert.match(await shown.locator('[data-annex-has]').innerText(), /pictures\.example\.com/);
  await page.clock.runFor(400);
  await shown.locator('[data-annex-decline]').click();
  await app.getByText('did not allow elsewhere.example.org').waitFor();
  assert.equal(await app.evaluate(() => [...document.images].length), 1);
  await context.close();
});

test('what reaches far is decided in a window, after the password', async () => {
  const { page, context } = await open('alice', '/admin/apps');
  await (await frameWith(page, 'the tab', '/shell?', '[role=tab]')).getByRole('tab', { name: 'Log server' }).click();
  const app = await frameWith(page, 'the app', '.apps.localhost', 'input[name=url]');
  await app.getByText('No log server is set').waitFor();
  // The app's manifest lets it ask for anything; scripts go to the window.
  const answer = app.evaluate(async () => (await import('/_annex/sdk.js')).permissions.egress.requestDomains(['cdn.example.com'], { purpose: 'To draw charts.' }).then((a) => a && a.granted.map((g) => g.type).flat().sort(), (e) => e.code));
  const shown = await modal(page);
  assert.equal(await shown.locator('[data-annex-type=SCRIPTS] input').isChecked(), false);
  assert.equal(await shown.locator('[data-annex-type=IMAGES] input').isChecked(), true);
  for (const t of ['FETCH_BACKEND_SIDE', 'FETCH_CLIENT_SIDE', 'MEDIA', 'FONTS']) await shown.locator(`[data-annex-type=${t}] input`).uncheck();
  await shown.locator('[data-annex-type=SCRIPTS] input').check();
  const allow = shown.locator('[data-annex-allow]');
  assert.equal(await allow.innerText(), 'Go on in a window');
  await armed(allow);
  await picture(page, 'ask-boxes');
  const [window_] = await Promise.all([context.waitForEvent('page'), allow.click()]);
  const go = window_.locator('[data-annex-sign-in]');
  await go.waitFor();
  assert.ok(!window_.url().includes('ticket'), 'the ticket is in the address');
  assert.equal(await window_.evaluate(() => opener), null);
  await armed(go);
  await go.click();
  await window_.locator('[data-annex-item]').first().waitFor();
  assert.equal(await window_.locator('[data-annex-type=SCRIPTS] input').isChecked(), true);
  assert.equal(await window_.locator('[data-annex-type=FONTS] input').isChecked(), false);
  const sure = window_.locator('[data-annex-allow]');
  await armed(sure);
  await picture(window_, 'ask-window');
  await sure.click();
  await window_.locator('[data-annex-decided=allowed]').waitFor();
  assert.deepEqual(await answer, ['IMAGES', 'SCRIPTS']);
  assert.equal(await page.locator('dialog').count(), 0);
  await context.close();
});

test('what an admin takes back is blocked at the next load', async () => {
  const { page, asked, context } = await open('alice', '/browse/DEMO-1');
  const app = await pictures(page);
  await until('the image', () => app.evaluate(() => [...document.images].some((i) => i.naturalWidth > 0)));
  await demo.run(demo.access.adminToken, root, 'grants', 'disallow', installation, 'IMAGES', 'pictures.example.com');
  asked.length = 0;
  await page.reload();
  const again = await pictures(page);
  await again.getByText('pictures from there are not allowed').first().waitFor();
  assert.equal(await again.evaluate(() => new Promise((r) => { const i = new Image(); i.onload = () => r('loaded'); i.onerror = () => r('blocked'); i.src = 'https://pictures.example.com/one.png'; })), 'blocked');
  assert.deepEqual(asked, []);
  await context.close();
});

test('no other page frames what an admin decides in', async () => {
  const hold = createServer((req, res) => { res.setHeader('content-type', 'text/html'); res.end(`<!doctype html>${['/ask/modal?product=' + demo.access.product, '/ask/window'].map((p) => `<iframe src="${demo.access.uiUrl}${p}"></iframe>`).join('')}`); }).listen(0, '127.0.0.1');
  await once(hold, 'listening');
  const page = await demo.browser.newPage();
  await page.goto(`http://evil.apps.localhost:${hold.address().port}/`);
  for (const f of page.frames().slice(1)) assert.equal(await f.locator('#ask').count(), 0, `${f.url()} is shown in a foreign page`);
  assert.equal(page.frames().length, 3);
  await page.close();
  hold.closeAllConnections();
  hold.close();
});
