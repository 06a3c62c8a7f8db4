// A person connects an account at another service: npm's oidc-provider, behind TLS, as in
// test/providers. The prompt beside the app, the platform's window, the service's own
// question, and the app's call, in a page of the app's own and in UI Kit.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, request } from 'node:http';
import { createServer, request as requestTLS } from 'node:https';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { start } from './demo.js';
import { look } from './look.js';
import { atRest, frameIn, openProduct } from './people.js';

// PICTURES=FOLDER writes the pictures of docs/providers.md.
const pictures = process.env.PICTURES;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const host = 'login.music.example';
const secret = 'client-secret-x';
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000c0a11
  name: Listening
  runtime: {name: nodejs22.x}
remotes:
  - {key: login, baseUrl: "https://${host}"}
providers:
  auth:
    - key: music
      name: Music
      type: oauth2
      clientId: annex-app
      issuer: https://${host}
      scopes: [openid, profile, offline_access]
      remotes: [login]
      bearerMethod: authorization-header
      actions:
        authorization: {remote: login, path: /auth, queryParameters: {prompt: consent}}
        exchange: {remote: login, path: /token, useBasicAuth: true}
        revokeToken: {remote: login, path: /token/revocation, useBasicAuth: true}
        retrieveProfile: {remote: login, path: /me, resolvers: {id: sub, displayName: name}}
modules:
  tracker:issuePanel:
    - {key: own, title: Listening, resource: ui, resolver: {function: resolver}}
    - {key: kit, title: Listening in the kit, resource: kit, render: native, resolver: {function: resolver}}
  wiki:panel:
    - {key: beside, title: Listening beside a text, resource: ui, resolver: {function: resolver}}
  function:
    - {key: resolver, handler: index.handler, providers: {auth: [music]}}
resources:
  - {key: ui, path: static}
  - {key: kit, path: src/kit.jsx}
`;
const files = {
  'manifest.yml': manifest,
  'package.json': '{"name": "listening", "private": true, "dependencies": {}}',
  'src/index.js': `import { asUser } from '@forge/api';
import Resolver from '@forge/resolver';
const r = new Resolver();
r.define('use', async () => {
  const music = asUser().withProvider('music');
  if (!(await music.hasCredentials())) await music.requestCredentials();
  const res = await music.fetch('/me');
  return { status: res.status, text: await res.text(), accounts: await music.listAccounts() };
});
export const handler = r.getDefinitions();
`,
  'src/kit.jsx': `import React, { useState } from 'react';
import ForgeReconciler, { Button, Text } from '@forge/react';
import { invoke } from '@forge/bridge';
const App = () => {
  const [said, say] = useState('nothing yet');
  return <><Button onClick={() => invoke('use').then((a) => say(JSON.stringify(a)), (e) => say(String(e)))}>Use Music</Button><Text>{said}</Text></>;
};
ForgeReconciler.render(<App />);
`,
  'static/index.html': '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Listening</title><script type="module" src="main.js"></script></head><body><button hidden>Use Music</button><p>nothing yet</p></body></html>',
  'static/main.js': `import { invoke } from '/_annex/sdk.js';
document.querySelector('button').onclick = () => invoke('use').then((a) => { document.querySelector('p').textContent = JSON.stringify(a); }, (e) => { document.querySelector('p').textContent = String(e); });
document.querySelector('button').hidden = false; // it counts from now on
`,
};

// A second product, of a few lines: it knows its people by the ids of Tracker's, and has
// pages on two sites.
async function startWiki() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const coded = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
  const token = (of) => {
    const now = Math.floor(Date.now() / 1000);
    const text = `${coded({ alg: 'ES256', typ: 'annex-panel+jwt', kid: 'wiki' })}.${coded({
      iss: 'wiki', aud: demo.access.uiUrl, sub: demo.access.users[of.user].id, site: of.site, name: of.user, locale: 'en-US', timezone: 'UTC', admin: false, auth_time: now, iat: now, exp: now + 60, jti: randomUUID(),
      module: 'wiki:panel', extension: { page: { id: '1' } },
    })}`;
    return `${text}.${sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const server = createPlainServer((req, res) => {
    const u = new URL(req.url, 'http://x');
    if (u.pathname === '/keys') {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'wiki', alg: 'ES256', use: 'sig' }] }));
    } else if (u.pathname === '/page') {
      res.setHeader('content-type', 'text/html');
      res.end(`<!doctype html><html lang="en"><title>Wiki</title><script src="${demo.access.uiUrl}/host.js" defer></script><h1>A text</h1><annex-panel token="${token(Object.fromEntries(u.searchParams))}" min-height="96"></annex-panel></html>`);
    } else {
      res.writeHead(404).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

// products gives Tracker and the wiki one directory, on the demo's site, and the wiki another site.
async function products(operator) {
  wiki = await startWiki();
  const port = wiki.address().port;
  wikiPage = (site, user) => `http://wiki.localhost:${port}/page?${new URLSearchParams({ site, user })}`;
  const from = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'examples', 'product');
  writeFileSync(join(dir, 'openapi.yaml'), readFileSync(join(from, 'openapi.yaml')));
  writeFileSync(join(dir, 'tracker.yaml'), `${readFileSync(join(from, 'product.yaml'), 'utf8').replaceAll('http://127.0.0.1:8481', demo.access.productUrl).replaceAll('http://tracker.localhost:8481', demo.access.productPageUrl)}\ndirectory: corp\n`);
  writeFileSync(join(dir, 'wiki.yaml'), `key: wiki\nname: Wiki\napiBaseUrl: http://127.0.0.1:${port}\nkeys: http://127.0.0.1:${port}/keys\npageOrigins: ["http://wiki.localhost:${port}"]\nmodules: [{type: "wiki:panel", slots: [page]}]\ndirectory: corp\n`);
  for (const file of ['tracker.yaml', 'wiki.yaml']) await demo.run(operator, dir, 'product', 'add', file);
  await demo.run(operator, dir, 'site', 'set', demo.access.site, '--product', demo.access.product, '--product', 'wiki');
  await demo.run(operator, dir, 'site', 'add', 'elsewhere', '--product', 'wiki', '--development-apps');
}

let dir, demo, tls, service, wiki, wikiPage;
const events = [];
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'annex-connect-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', join(dir, 'key'), '-out', join(dir, 'cert'),
    '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`], { stdio: 'ignore' });
  let behind;
  tls = createServer({ key: readFileSync(join(dir, 'key')), cert: readFileSync(join(dir, 'cert')) }, (req, res) => {
    const on = request({ host: '127.0.0.1', port: behind, path: req.url, method: req.method, headers: { ...req.headers, 'x-forwarded-proto': 'https' } }, (got) => { res.writeHead(got.statusCode, got.headers); got.pipe(res); });
    on.on('error', () => res.destroy());
    req.pipe(on);
  }).listen(0, '127.0.0.1');
  await once(tls, 'listening');
  const at = `127.0.0.1:${tls.address().port}`;
  demo = await start({ demo: ['--upstream', `${host}=${at}`, '--upstream-ca', join(dir, 'cert')], browser: [`--host-resolver-rules=MAP ${host}:443 ${at}`, '--ignore-certificate-errors'] });

  const app = join(dir, 'app');
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(app, name)), { recursive: true });
    writeFileSync(join(app, name), text);
  }
  const operator = demo.operatorToken();
  await products(operator);
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development');
  for (const product of [demo.access.product, 'wiki']) await demo.run(demo.access.adminToken, app, 'install', '--confirm', '--environment', 'development', '--site', demo.access.site, '--product', product);
  const other = await demo.run(operator, dir, 'account', 'add', 'bob', '--admin-of', 'elsewhere');
  await demo.run(other.tokens[0].secret, app, 'install', '--confirm', '--environment', 'development', '--site', 'elsewhere', '--product', 'wiki');
  const made = await demo.tell(secret, demo.access.developerToken, app, 'providers', 'configure', 'music', '--environment', 'development');
  const redirect = /https?:\/\/[^"]*\/oauth\/cb\/[^"]*/.exec(JSON.stringify(made))[0];
  service = spawn('node', ['server.js', `https://${host}`, redirect], { cwd: join(dirname(fileURLToPath(import.meta.url)), '..', 'providers'), env: { ...process.env, AGREE: 'page' }, stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((ready) => createInterface(service.stdout).on('line', (line) => {
    let said;
    try { said = JSON.parse(line); } catch { return; }
    if (said.listens) ready(behind = Number(said.listens.split(':')[1]));
    else events.push(said.event);
  }));
});
after(async () => {
  service?.kill();
  await demo?.stop();
  tls?.closeAllConnections();
  tls?.close();
  wiki?.closeAllConnections();
  wiki?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

const picture = async (page, name) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled' }); };
async function sound(page, what) {
  await page.evaluate(axe);
  assert.deepEqual(await page.evaluate(async () => (await axe.run(document)).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`)), [], what);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${what} scrolls sideways`);
}

// press brings a button of a frame into sight first: a frame of another site that is out of it
// draws nothing.
async function press(frame, button) {
  await atRest(frame.page());
  for (let f = frame; f.parentFrame(); f = f.parentFrame()) await (await f.frameElement()).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await button.waitFor();
  await button.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await button.click();
}
const use = (app) => press(app, app.getByRole('button', { name: 'Use Music' }));

// connect goes from the prompt beside the app to the service and back.
async function connect(page, shell, name) {
  const go = shell.locator('[data-annex-prompt-go=connect]');
  await go.waitFor();
  await shell.getByText('Connect Music').first().waitFor();
  await shell.locator('[data-annex-prompt=connect]').evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await picture(page, `connect-prompt${name}`);
  const [window_] = await Promise.all([page.context().waitForEvent('page'), press(shell, go)]);
  await window_.locator('[data-annex-connect=music]').waitFor();
  assert.equal(await window_.evaluate(() => opener), null);
  const text = await window_.locator('main').innerText();
  for (const part of ['Listening', host, 'openid']) assert.ok(text.includes(part), `the window does not say ${part}:\n${text}`);
  assert.match(text, /as alice/i);
  await sound(window_, 'the window');
  if (name === '') await look(window_, 'connect');
  await picture(window_, `connect-window${name}`);
  await window_.locator('[data-annex-connect-go]').click();
  await window_.locator('[data-annex-leave]').click();
  await window_.getByRole('button', { name: 'Agree' }).waitFor();
  assert.equal(new URL(window_.url()).host, host);
  await window_.getByRole('button', { name: 'Agree' }).click();
  await window_.waitForURL(`${demo.access.uiUrl}/my/accounts**`);
  assert.doesNotMatch(window_.url(), /code=|state=/);
  await window_.getByText('alice of the provider').first().waitFor();
  await picture(window_, `connect-done${name}`);
  if (name === '') {
    await look(window_, 'my-accounts');
    const all = await window_.context().newPage();
    await all.goto(`${demo.access.uiUrl}/accounts/external`);
    await all.getByText('alice of the provider').first().waitFor();
    await look(all, 'external-accounts');
    await all.close();
  }
  return window_;
}

const kinds = {
  'a page of the app’s own': async (page) => {
    const app = await frameIn(page, async (f) => f.url().includes('.apps.localhost') && (await f.getByRole('button', { name: 'Use Music' }).count()) > 0);
    return { app, shell: app.parentFrame() };
  },
  'UI Kit': async (page) => {
    const app = await frameIn(page, async (f) => f.url().includes('/shell') && (await f.getByRole('button', { name: 'Use Music' }).count()) > 0);
    return { app, shell: app };
  },
};

for (const [name, find] of Object.entries(kinds)) {
  test(`an account is connected from ${name}, used, and not asked for again`, async () => {
    const context = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
    const heard = [];
    const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
    page.on('response', (r) => { void r.text().then((t) => heard.push(t), () => {}); }); // streams never end
    let { app, shell } = await find(page);
    // A server that is very busy says for a moment that it does not know. Nobody has to press again for that.
    let busy = 2;
    await page.route('**/bridge/connect', (route) => (busy-- > 0
      ? route.fulfill({ status: 503, contentType: 'application/json', body: JSON.stringify({ error: { kind: 'unavailable', code: 'POLICY_STALE', message: 'the policy is not confirmed' } }) })
      : route.continue()));
    await use(app);
    const window_ = await connect(page, shell, name === 'UI Kit' ? '-kit' : '');
    await page.bringToFront();
    // Whoever comes back from the window need not press anything; a browser without a screen does not always say that they did.
    await shell.evaluate(() => { dispatchEvent(new Event('focus')); });
    await shell.locator('[data-annex-prompt=connect]').waitFor({ state: 'detached' });
    ({ app, shell } = await find(page));
    // The call that waited is made again. A session of UI Kit begins anew instead, in its own
    // time: a press that came before is lost with it.
    const answer = app.getByText('alice of the provider');
    for (let n = 0; n < 8; n++) {
      if (name === 'UI Kit') await use(app);
      if (await answer.waitFor({ timeout: 8000 }).then(() => true, () => false)) break;
    }
    await answer.waitFor();
    await picture(page, `connect-used${name === 'UI Kit' ? '-kit' : ''}`);
    // A page that is loaded again does not ask again.
    await page.reload();
    ({ app, shell } = await find(page));
    await use(app);
    await app.getByText('alice of the provider').waitFor();
    assert.equal(await shell.locator('[data-annex-prompt=connect]').count(), 0);
    assert.ok(heard.length > 0 && !heard.some((t) => t.includes(secret) || t.includes('"access_token"')), 'a page was told a credential');
    // Disconnected here, it is withdrawn at the service, and the app has to ask again.
    await window_.getByRole('button', { name: /Disconnect/ }).first().click();
    await window_.getByText('alice of the provider').waitFor({ state: 'detached' });
    await page.reload();
    ({ app, shell } = await find(page));
    await use(app);
    await shell.locator('[data-annex-prompt-go=connect]').waitFor();
    await context.close();
  });
}

test('what one person connected, another has to connect', async () => {
  const context = await demo.browser.newContext();
  const page = await openProduct(context, demo, 'bob', '/browse/DEMO-1');
  const { app, shell } = await kinds['UI Kit'](page);
  await use(app);
  await shell.locator('[data-annex-prompt-go=connect]').waitFor();
  await context.close();
});

test('neither a link nor an answer of one person connects their account in another’s browser', async () => {
  const context = async (name, path) => {
    const made = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
    return { made, page: await openProduct(made, demo, name, path) };
  };
  // link is where the prompt beside the app would lead.
  const link = async ({ page }) => {
    const { app, shell } = await kinds['a page of the app’s own'](page);
    await use(app);
    const go = shell.locator('[data-annex-prompt-go=connect]');
    await go.waitFor();
    await shell.evaluate(() => { window.open = (url) => { self.leadsTo = url; return null; }; });
    await press(shell, go);
    await shell.locator('[data-annex-prompt-again=connect]').waitFor();
    const address = await shell.evaluate(() => self.leadsTo);
    await page.close();
    return address;
  };
  // agrees goes from a link of one's own to the service and agrees there, beside the browser:
  // the way back is not gone.
  const agrees = async ({ made }, address) => {
    const page = await made.newPage();
    await page.goto(address);
    await page.locator('[data-annex-connect-go]').click();
    let at = await page.locator('[data-annex-leave]').getAttribute('href');
    await page.close();
    const jar = new Map();
    for (let n = 0; n < 12; n++) {
      const u = new URL(at);
      if (u.origin === demo.access.uiUrl) return at;
      const visit = (method) => new Promise((ok, no) => {
        const sent = requestTLS({ method, host: '127.0.0.1', port: tls.address().port, path: u.pathname + u.search, rejectUnauthorized: false, headers: { host, cookie: [...jar].map((c) => c.join('=')).join('; ') } }, (res) => {
          for (const c of res.headers['set-cookie'] ?? []) jar.set(...c.split(';')[0].split(/=(.*)/s).slice(0, 2));
          res.resume();
          ok(res);
        });
        sent.on('error', no);
        sent.end();
      });
      let res = await visit('GET');
      if (res.statusCode === 200) res = await visit('POST');
      at = new URL(res.headers.location, u).href;
    }
    throw new Error(`the service does not lead back: ${at}`);
  };
  const refused = async ({ made }, address, what) => {
    const page = await made.newPage();
    await page.goto(address);
    await page.getByText(what).first().waitFor();
    assert.equal(await page.locator('[data-annex-connect-go]').count(), 0);
    await page.close();
  };
  const accounts = async ({ made }) => {
    const page = await made.newPage();
    await page.goto(`${demo.access.uiUrl}/my/accounts`);
    await page.getByRole('heading', { name: 'My accounts' }).waitFor();
    const n = await page.getByRole('button', { name: /Disconnect/ }).count();
    await page.close();
    return n;
  };
  const alice = await context('alice', '/browse/DEMO-1');
  const bob = await context('bob', '/browse/DEMO-1');
  // Each other's links, with each other's session of the product.
  await refused(alice, await link(bob), 'another person');
  bob.page = await openProduct(bob.made, demo, 'bob', '/browse/DEMO-1');
  await refused(bob, await link(alice), 'another person');
  // Each other's answers: for who is in the middle of one's own, too.
  const open = async (who, name) => { who.page = await openProduct(who.made, demo, name, '/browse/DEMO-1'); return agrees(who, await link(who)); };
  const his = await open(bob, 'bob');
  await refused(alice, his, 'begin again');
  const hers = await open(alice, 'alice');
  await refused(bob, hers, 'begin again');
  await refused(alice, hers, 'begin again'); // it was shown once
  assert.deepEqual([await accounts(alice), await accounts(bob)], [0, 0]);
  await alice.made.close();
  await bob.made.close();
});

test('connected once in Tracker, used in another product of the site without a prompt; another site prompts', async () => {
  const sites = (await demo.run(demo.operatorToken(), dir, 'site', 'list')).sites;
  const idOf = (name) => sites.find((s) => s.name === name).id;
  const context = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
  const beside = async (site, user) => {
    const page = await context.newPage();
    await page.goto(wikiPage(idOf(site), user));
    const at = await kinds['a page of the app’s own'](page);
    await use(at.app);
    return { page, ...at };
  };
  const prompts = async ({ page, shell }) => {
    await shell.locator('[data-annex-prompt-go=connect]').waitFor();
    await page.close();
  };
  await prompts(await beside(demo.access.site, 'alice'));

  const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  const { app, shell } = await kinds['a page of the app’s own'](page);
  await use(app);
  const window_ = await connect(page, shell, '-products');
  const second = await beside(demo.access.site, 'alice');
  await second.app.getByText('alice of the provider').waitFor();
  assert.equal(await second.shell.locator('[data-annex-prompt=connect]').count(), 0);
  await second.page.close();
  // Another site of the same product, with the same people, and another person of the same site.
  await prompts(await beside('elsewhere', 'alice'));
  await prompts(await beside(demo.access.site, 'bob'));
  // Disconnected, it is gone for both products.
  await window_.getByRole('button', { name: /Disconnect/ }).first().click();
  await window_.getByText('alice of the provider').waitFor({ state: 'detached' });
  await prompts(await beside(demo.access.site, 'alice'));
  await context.close();
});
