// What is given by hand on the platform's own pages: a site's admin gives a remote a certificate
// and its key, a person gives a key of theirs for a service. Each is used, at the one place that
// its page named, and read by nobody. The pictures of docs are taken here (PICTURES=FOLDER).
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { start } from './demo.js';
import { look } from './look.js';
import { atRest, frameIn, openProduct } from './people.js';
import { signIn } from './signin.js';

const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000ce271
  name: Errands
  runtime: {name: nodejs22.x}
remotes:
  - {key: vault, baseUrl: "https://vault.errands.example", operations: [compute]}
  - {key: api, baseUrl: "https://api.errands.example/v1"}
providers:
  auth:
    - {key: errands, name: Errand Service, type: user_api_key, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}
modules:
  tracker:issuePanel:
    - {key: own, title: Errands, resource: ui, resolver: {function: resolver}}
    - {key: kit, title: Errands in the kit, resource: kit, render: native, resolver: {function: resolver}}
  function:
    - {key: resolver, handler: index.handler, providers: {auth: [errands]}}
    - {key: open, handler: index.open}
resources:
  - {key: ui, path: static}
  - {key: kit, path: src/kit.jsx}
`;
const files = {
  'manifest.yml': manifest,
  'package.json': '{"name": "errands", "private": true}',
  'src/index.js': `import { asUser, invokeRemote } from '@forge/api';
import Resolver from '@forge/resolver';
const r = new Resolver();
r.define('use', async () => {
  const errands = asUser().withProvider('errands');
  if (!(await errands.hasCredentials())) await errands.requestCredentials();
  const res = await errands.fetch('/v1/list');
  return { status: res.status, text: await res.text(), accounts: (await errands.listAccounts()).map((a) => a.id) };
});
export const handler = r.getDefinitions();
export const open = async () => invokeRemote('vault', { path: '/' }).then((res) => res.text(), (e) => e.code);
`,
  'src/kit.jsx': `import React, { useState } from 'react';
import ForgeReconciler, { Button, Text } from '@forge/react';
import { invoke } from '@forge/bridge';
const App = () => {
  const [said, say] = useState('nothing yet');
  return <><Button onClick={() => invoke('use').then((a) => say(JSON.stringify(a)), (e) => say(String(e)))}>Use Errands</Button><Text>{said}</Text></>;
};
ForgeReconciler.render(<App />);
`,
  'static/index.html': '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Errands</title><script type="module" src="main.js"></script></head><body><button hidden>Use Errands</button><p>nothing yet</p></body></html>',
  'static/main.js': `import { invoke } from '/_annex/sdk.js';
document.querySelector('button').onclick = () => invoke('use').then((a) => { document.querySelector('p').textContent = JSON.stringify(a); }, (e) => { document.querySelector('p').textContent = String(e); });
document.querySelector('button').hidden = false; // it counts from now on
`,
};

let dir, demo, tls, installation;
const seen = []; // of requests at either host
const read = (name) => readFileSync(join(dir, name), 'utf8');
const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
const selfSigned = (name, ...more) => openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '90', '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`, ...more);
const where = () => ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'annex-credentials-'));
  selfSigned('server', '-addext', 'subjectAltName=DNS:vault.errands.example,DNS:api.errands.example');
  for (const name of ['alice', 'bob']) selfSigned(name, '-addext', 'extendedKeyUsage=clientAuth');
  tls = createServer({ key: read('server.key'), cert: read('server.pem'), requestCert: true, rejectUnauthorized: false }, (req, res) => {
    seen.push({ host: req.headers.host, key: req.headers['x-api-key'], by: req.socket.getPeerCertificate()?.subject?.CN });
    const { by, key } = seen.at(-1);
    res.end(req.headers.host.startsWith('vault') ? `it is ${by ?? 'nobody'}` : `for ${key?.slice(0, 5) ?? 'nobody'}, who sent ${key}`);
  }).listen(0, '127.0.0.1');
  await once(tls, 'listening');
  const at = `127.0.0.1:${tls.address().port}`;
  demo = await start({ demo: ['--upstream', `vault.errands.example=${at}`, '--upstream', `api.errands.example=${at}`, '--upstream-ca', join(dir, 'server.pem')] });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, 'app', name)), { recursive: true });
    writeFileSync(join(dir, 'app', name), text);
  }
  await demo.run(demo.access.developerToken, join(dir, 'app'), 'deploy', '--environment', 'development');
  const made = await demo.run(demo.access.adminToken, join(dir, 'app'), 'install', '--confirm', ...where());
  installation = made.installation?.id ?? made.id;
});
after(async () => {
  await demo?.stop();
  tls?.closeAllConnections();
  tls?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});
const vault = async () => (await demo.run(demo.access.developerToken, join(dir, 'app'), 'invoke', 'open', ...where())).result;
const secretLines = (name) => read(`${name}.key`).split('\n').filter((l) => l.length > 30);

for (const [how, options] of Object.entries({ 'at a desk': {}, 'on a phone, without scripts': { javaScriptEnabled: false, viewport: { width: 360, height: 740 } } })) {
  test(`an admin gives a remote a certificate, ${how}`, async () => {
    const context = await demo.browser.newContext({ viewport: { width: 1000, height: 760 }, ...options });
    const told = [];
    context.on('response', (r) => { void r.text().then((t) => told.push(t), () => {}); });
    const data = new RegExp(`/apps/${installation}/data`);
    const page = await signIn(context, demo, 'alice', `/apps/${installation}/data`);
    const remote = page.locator('[data-annex-remote=vault]');
    const onward = async () => { const link = page.getByRole('link', { name: /^Go on at/ }); if (options.javaScriptEnabled === false) await link.click(); };
    const propose = async (certificate, goes = true) => {
      await page.goto(`${demo.access.uiUrl}/apps/${installation}/data`);
      await remote.getByText(/Give it a credential|Replace its credential/).click();
      await remote.getByLabel('Kind').selectOption('client-certificate');
      await remote.getByLabel(/^Certificate/).fill(certificate);
      if (!how.includes('without')) await look(page, 'data-certificate');
      await page.getByRole('button', { name: 'Go on … with the credential of vault' }).click();
      if (goes) await onward();
    };
    assert.equal(await vault(), 'it is nobody');

    // A key where the certificate belongs counts as seen, and gets no further.
    await propose(read('alice.pem') + read('alice.key'), false);
    await page.getByText('there is a private key among the certificates').waitFor();
    assert.equal(await page.locator('#secret').count(), 0);

    // Another's key does not fit; nothing is kept, and nothing of it is shown again.
    await propose(read('alice.pem'));
    const field = page.getByLabel('The certificate’s private key (PEM)');
    await field.fill(read('bob.key'));
    assert.equal(await page.locator('#secret').evaluate((e) => getComputedStyle(e).webkitTextSecurity).catch(() => 'disc'), 'disc');
    await page.getByRole('button', { name: 'Store' }).click();
    await page.getByText('is not the certificate').waitFor();
    assert.equal(await vault(), 'it is nobody');

    await propose(read('alice.pem'));
    const print = execFileSync('openssl', ['x509', '-in', join(dir, 'alice.pem'), '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' }).split('=')[1].trim().replaceAll(':', '').toLowerCase();
    const asked = await page.locator('main').innerText();
    for (const part of ['CN=alice', 'https://vault.errands.example', print]) assert.ok(asked.includes(part), `the last page does not say ${part}:\n${asked}`);
    await field.fill(read('alice.key'));
    if (!how.includes('without')) await look(page, 'data-certificate-key');
    await page.getByRole('button', { name: 'Store' }).click();
    await page.waitForURL(data);
    await remote.getByText('Called with a credential (client-certificate)').waitFor();
    assert.match(await remote.innerText(), new RegExp(`CN=alice[^]*${print}`));
    if (!how.includes('without')) await look(page, 'data-certificate-stored');
    assert.equal(await vault(), 'it is alice');

    await page.getByRole('button', { name: 'Take the credential away … of vault' }).click();
    await onward();
    await page.locator('main').getByRole('button', { name: 'Take away', exact: true }).click();
    await page.waitForURL(data);
    assert.equal(await vault(), 'it is nobody');
    for (const line of [...secretLines('alice'), ...secretLines('bob')]) assert.ok(!told.some((t) => t.includes(line)), 'a page was told of a private key');
    await context.close();
  });
}

const kinds = {
  'a page of the app’s own': async (page) => {
    const app = await frameIn(page, async (f) => f.url().includes('.apps.localhost') && (await f.getByRole('button', { name: 'Use Errands' }).count()) > 0);
    return { app, shell: app.parentFrame() };
  },
  'UI Kit': async (page) => {
    const app = await frameIn(page, async (f) => f.url().includes('/shell') && (await f.getByRole('button', { name: 'Use Errands' }).count()) > 0);
    return { app, shell: app };
  },
};
async function press(frame, button) {
  await atRest(frame.page());
  for (let f = frame; f.parentFrame(); f = f.parentFrame()) await (await f.frameElement()).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await button.waitFor();
  await button.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await button.click();
}
const use = (app) => press(app, app.getByRole('button', { name: 'Use Errands' }));

for (const [name, find] of Object.entries(kinds)) {
  test(`a person gives a key of theirs, asked by ${name}`, async () => {
    const context = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
    const told = [];
    context.on('response', (r) => { void r.text().then((t) => told.push(t), () => {}); });
    const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
    let { app, shell } = await find(page);
    await use(app);
    const go = shell.locator('[data-annex-prompt-go=connect]');
    await go.waitFor();
    const [window_] = await Promise.all([context.waitForEvent('page'), press(shell, go)]);
    await window_.locator('[data-annex-connect=errands]').waitFor();
    assert.equal(await window_.evaluate(() => opener), null);
    const text = await window_.locator('main').innerText();
    for (const part of ['Errands', 'Errand Service', 'https://api.errands.example', 'never sees it']) assert.ok(text.includes(part), `the window does not say ${part}:\n${text}`);
    assert.match(text, /as alice/i);
    const field = window_.getByLabel('Your key');
    assert.deepEqual(await field.evaluate((e) => [e.type, e.autocomplete, e.required]), ['password', 'off', true]);
    await look(window_, name === 'UI Kit' ? 'key-kit' : 'key');
    // Too short for a key: the browser says so, and so does the server.
    await field.fill('short');
    await window_.locator('[data-annex-connect-go]').click();
    assert.equal(await field.evaluate((e) => e.validity.valid), false);
    const key = `alice-key-${name.length}-swordfish`;
    await field.fill(key);
    await window_.locator('[data-annex-connect-go]').click();
    await window_.waitForURL(`${demo.access.uiUrl}/my/accounts**`);
    await window_.getByText('Errand Service').first().waitFor();
    assert.ok(!window_.url().includes('swordfish'));
    await look(window_, name === 'UI Kit' ? 'key-kit-given' : 'key-given');

    await page.bringToFront();
    await shell.evaluate(() => { dispatchEvent(new Event('focus')); });
    await shell.locator('[data-annex-prompt=connect]').waitFor({ state: 'detached' });
    ({ app, shell } = await find(page));
    const answer = app.getByText('for alice, who sent');
    for (let n = 0; n < 8; n++) {
      if (name === 'UI Kit') await use(app);
      if (await answer.waitFor({ timeout: 8000 }).then(() => true, () => false)) break;
    }
    // The service echoes the key; the app does not get it.
    assert.match(await answer.innerText(), /"status":200[^]*"accounts":\["key"\]/);
    assert.ok(seen.some((s) => s.host.startsWith('api') && s.key === key) && !seen.some((s) => s.host.startsWith('vault') && s.key));
    assert.ok(told.length > 0 && !told.some((t) => t.includes('swordfish')), 'a page was told the key');

    // Bob gives his own, or none.
    const other = await demo.browser.newContext({ viewport: { width: 1000, height: 900 } });
    const his = await find(await openProduct(other, demo, 'bob', '/browse/DEMO-1'));
    await use(his.app);
    await his.shell.locator('[data-annex-prompt-go=connect]').waitFor();
    await other.close();

    await window_.getByRole('button', { name: /Disconnect/ }).first().click();
    await window_.getByText('Errand Service').waitFor({ state: 'detached' });
    await page.reload();
    ({ app, shell } = await find(page));
    await use(app);
    await shell.locator('[data-annex-prompt-go=connect]').waitFor();
    await context.close();
  });
}
