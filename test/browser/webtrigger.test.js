import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { signIn } from './signin.js';

// An app that answers a browser with everything that it should not be able to do there.
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000b0b0
  runtime: {name: nodejs22.x}
permissions: {scopes: []}
modules:
  webtrigger: [{key: page, function: page, response: {type: dynamic}}]
  function: [{key: page, handler: index.page}]
`;
// What its script tries.
const attempts = async () => {
  const { ui, api, installation } = JSON.parse(document.body.dataset.at);
  const said = ['ran'];
  const attempt = async (name, what) => { try { said.push(name + ': ' + String(await what())); } catch { /* refused */ } };
  for (const path of ['/apps', '/audit', '/apps/' + installation + '/data.json']) {
    await attempt('read ' + path, async () => (await fetch(ui + path, { credentials: 'include' })).status);
    await attempt('ask ' + path, async () => (await fetch(ui + path, { credentials: 'include', mode: 'no-cors' })).type);
  }
  await attempt('post', async () => (await fetch(ui + '/sign-out', { method: 'POST', credentials: 'include', mode: 'no-cors' })).type);
  await attempt('bridge', async () => (await fetch(ui + '/bridge/sign-out', { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{}' })).type);
  await attempt('api', async () => (await fetch(api + '/api/v1/whoami', { credentials: 'include', mode: 'no-cors' })).type);
  await attempt('beacon', () => { if (!navigator.sendBeacon(ui + '/sign-out', 'x')) throw 0; return 'queued'; });
  await attempt('window', () => { const w = open(ui + '/apps'); if (!w) throw 0; return 'opened'; });
  await attempt('cookie', () => document.cookie || Promise.reject());
  await attempt('storage', () => localStorage.length);
  for (const f of document.forms) f.submit();
  document.title = said.join('; ');
};
const source = `export const page = (request) => /hostile/.test(request.path) ? hostile(request) : ({
  statusCode: 200,
  headers: {
    'content-type': ['text/html'],
    'set-cookie': ['from_header=1; Path=/'],
    'content-security-policy': ["default-src *"],
    'service-worker-allowed': ['/'],
  },
  body: '<title>app</title><p id=origin></p><script>document.title = "ran"; document.cookie = "from_script=1"</script><h1>Hello</h1>',
});

// A page, and the script that it brings along: what is its own, it may run.
const hostile = ({ path, queryParameters }) => path.endsWith('.js')
  ? { statusCode: 200, headers: { 'content-type': ['text/javascript'] }, body: script }
  : { statusCode: 200, headers: { 'content-type': ['text/html'] }, body: html(JSON.parse(queryParameters.at[0])) };
const attribute = (text) => text.replaceAll('"', '&quot;');
const html = ({ ui, api, installation, self }) => '<title>hostile</title><body data-at="' + attribute(JSON.stringify({ ui, api, installation })) + '"><h1>Hostile</h1>'
  + [[ui + '/sign-out', ''], [ui + '/apps/' + installation + '/propose', 'what=uninstall'], [ui + '/my/apps/' + installation + '/revoke', ''], [api + '/api/v1/installations/' + installation + '/uninstall', '{}']].map(([action, name]) =>
    '<form method=post action="' + action + '"><input name="' + attribute(name) + '"><button>send</button></form><form method=post enctype=text/plain target=_blank action="' + action + '"><button>send</button></form>').join('')
  + '<img src="' + ui + '/apps"><img src="' + api + '/api/v1/whoami"><iframe src="' + ui + '/apps"></iframe><link rel=stylesheet href="' + ui + '/apps"><object data="' + ui + '/apps"></object><script src="' + self + '/hostile.js"></script>';
const script = ${JSON.stringify(`(${attempts})()`)};
`;

let demo, url, app, installation;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-app-'));
  mkdirSync(join(app, 'src'));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  const { developerToken, adminToken, site, product } = demo.access;
  const where = ['--environment', 'development', '--site', site, '--product', product];
  await demo.run(developerToken, app, 'deploy', '--environment', 'development');
  const made = await demo.run(adminToken, app, 'install', '--confirm', ...where);
  installation = made.installation?.id ?? made.id;
  ({ url } = await demo.run(developerToken, app, 'webtrigger', 'create', '--function', 'page', ...where));
});
after(async () => {
  await demo?.stop();
  rmSync(app, { recursive: true, force: true });
});

test('a page of a web trigger runs no script, sets no cookie and has no origin', async () => {
  const context = await demo.browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole('heading', { name: 'Hello' }).waitFor();
  assert.equal(await page.title(), 'app', 'the inline script ran');
  assert.equal(await page.evaluate(() => self.origin), 'null', 'the document is not in an opaque origin');
  assert.deepEqual(await context.cookies(), []);
});

test('a page of a web trigger does nothing at the console or the API as who looks at it, an admin who is signed in', async () => {
  const context = await demo.browser.newContext();
  const ours = await signIn(context, demo, 'alice', `/apps/${installation}`);
  const page = await context.newPage();
  const reached = [];
  context.on('response', (r) => { if (r.request().frame()?.page() !== ours && [demo.access.uiUrl, demo.access.url].some((there) => r.url().startsWith(there))) reached.push(`${r.request().method()} ${r.url()} ${r.status()}`); });
  const at = JSON.stringify({ ui: demo.access.uiUrl, api: demo.access.url, installation, self: url.replace(/\/$/, '') });
  await page.goto(`${url.replace(/\/$/, '')}/hostile?at=${encodeURIComponent(at)}`, { waitUntil: 'commit' });
  await page.getByRole('heading', { name: 'Hostile' }).waitFor();
  // What is the trigger's own may run, as on the app's pages; it gets nowhere.
  const said = await page.waitForFunction(() => document.title.startsWith('ran') && document.title);
  // A beacon is taken before the policy is asked; whether it came anywhere is seen below.
  assert.match(await said.jsonValue(), /^ran(?:; beacon: queued)?$/, 'what its script tried came to pass');
  for (const button of await page.getByRole('button', { name: 'send' }).all()) await button.click({ noWaitAfter: true, timeout: 2000 }).catch(() => {}); // whoever looks at it presses
  await page.waitForTimeout(1000);
  assert.deepEqual(reached, []);
  await ours.reload();
  await ours.getByRole('button', { name: 'Uninstall …' }).waitFor(); // signed in, installed
  await context.close();
});

test('a page of a web trigger cannot be framed', async () => {
  // A page of somebody else's, without any policy of its own.
  const host = createServer((_, res) => res.setHeader('content-type', 'text/html').end(`<iframe src="${url}"></iframe>`));
  host.listen(0, '127.0.0.1');
  await once(host, 'listening');
  try {
    const page = await demo.browser.newPage();
    await page.goto(`http://127.0.0.1:${host.address().port}/`, { waitUntil: 'load' });
    const [, framed] = page.frames();
    for (let n = 0; n < 50 && framed.url() === ''; n++) await page.waitForTimeout(100);
    assert.match(framed.url(), /^chrome-error:/, 'the browser shows the page in the frame');
  } finally {
    host.close();
  }
});
