// A developer's tunnel carries what a person does in an app's pages: the whole way, with the
// shipped command, a person who types its code, and pages of both kinds.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { start } from './demo.js';
import { look } from './look.js';
import { frameIn, openProduct } from './people.js';
import { signIn } from './signin.js';

const says = (word) => `import Resolver from '@forge/resolver';
const r = new Resolver();
r.define('say', ({ context }) => '${word} to ' + context.accountId);
export const handler = r.getDefinitions();
export const hook = (request) => ({ statusCode: 200, body: '${word} ' + Object.keys(request.headers).includes('annex-tunnel') });
`;
const files = {
  'manifest.yml': `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000c0120
  name: Day shift
  runtime: {name: nodejs22.x}
permissions:
  scopes: [storage:app]
modules:
  tracker:issuePanel:
    - {key: own, title: Own page, resource: ui, resolver: {function: resolver}}
    - {key: kit, title: In the kit, resource: kit, render: native, resolver: {function: resolver}}
  webtrigger:
    - {key: hook, function: hook, response: {type: dynamic}}
  function:
    - {key: resolver, handler: index.handler}
    - {key: hook, handler: index.hook}
resources:
  - {key: ui, path: static}
  - {key: kit, path: src/kit.jsx}
`,
  'package.json': '{"name": "dayshift", "private": true, "dependencies": {}}',
  'src/index.js': says('deployed'),
  'src/kit.jsx': `import React, { useState } from 'react';
import ForgeReconciler, { Button, Text } from '@forge/react';
import { invoke } from '@forge/bridge';
const App = () => {
  const [said, say] = useState('nothing yet');
  return <><Button onClick={() => invoke('say').then((a) => say(a), (e) => say(String(e)))}>Say</Button><Text>{said}</Text></>;
};
ForgeReconciler.render(<App />);
`,
  'static/index.html': '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Own page</title><script type="module" src="main.js"></script></head><body><button>Say</button><p>nothing yet</p></body></html>',
  'static/main.js': `import { invoke } from '/_annex/sdk.js';
document.querySelector('button').onclick = () => invoke('say').then((a) => { document.querySelector('p').textContent = a; }, (e) => { document.querySelector('p').textContent = String(e); });
`,
};

let demo, dir, address;
before(async () => {
  demo = await start();
  dir = mkdtempSync(join(tmpdir(), 'annex-browser-tunnel-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  await demo.run(demo.access.developerToken, dir, 'deploy');
  await demo.run(demo.access.adminToken, dir, 'install', '--confirm', '--site', demo.access.site, '--product', demo.access.product);
  address = (await demo.run(demo.access.adminToken, dir, 'webtrigger', 'create', '-f', 'hook', '--site', demo.access.site, '--product', demo.access.product)).url;
});
after(async () => {
  if (dir) rmSync(dir, { recursive: true, force: true });
  await demo?.stop();
});

// tunnel runs the command; code is what the person types, and waits for what it says.
function tunnel() {
  const p = spawn(demo.annex, ['tunnel', '--json', '--site', demo.access.site], { cwd: dir, env: { ...process.env, ANNEX_URL: demo.access.url, ANNEX_TOKEN: demo.access.developerToken } });
  const events = [];
  let out = '', err = '';
  p.stdout.on('data', (d) => {
    out += d;
    const lines = out.split('\n');
    out = lines.pop();
    for (const l of lines) events.push(JSON.parse(l));
  });
  const code = new Promise((found) => p.stderr.on('data', (d) => {
    err += d;
    const typed = /Type\s+(\S+)/.exec(err);
    if (typed) found(typed[1]);
  }));
  const done = once(p, 'close').then(([status]) => ({ status, err, events }));
  void done.then(({ status }) => { if (events.length === 0) throw new Error(`annex tunnel: ${status}: ${err}`); });
  return {
    code, done,
    async event(name) {
      for (let n = 0; n < 600; n++) {
        const e = events.find((x) => x.event === name);
        if (e) return e;
        await new Promise((r) => setTimeout(r, 50));
      }
      throw new Error(`annex tunnel never said ${name}: ${err} ${JSON.stringify(events)}`);
    },
  };
}

// hook asks the web trigger by its address, as a program does that knows no *.localhost.
async function hook(key) {
  const { request } = await import('node:http');
  const u = new URL(address);
  return new Promise((answered, failed) => {
    request({ host: '127.0.0.1', port: u.port, path: u.pathname, headers: { host: u.host, ...(key && { 'annex-tunnel': key }) } }, async (res) => {
      let text = '';
      for await (const d of res) text += d;
      answered(`${res.statusCode} ${text}`);
    }).on('error', failed).end();
  });
}

test('what a person who agreed does in pages runs on the developer’s machine, and nobody else’s does', async () => {
  const size = { viewport: { width: 1000, height: 760 } };
  const opened = {};
  for (const name of ['bob', 'alice']) {
    const page = await openProduct(await demo.browser.newContext(size), demo, name, '/browse/DEMO-1');
    opened[name] = [
      await frameIn(page, async (f) => f.url().includes('.apps.localhost') && (await f.title()) === 'Own page'),
      await frameIn(page, async (f) => f.url().includes('/shell') && (await f.getByRole('button', { name: 'Say' }).count()) > 0),
    ];
  }
  const both = async (name, word) => {
    for (const frame of opened[name]) {
      await frame.getByRole('button', { name: 'Say' }).click();
      await frame.getByText(`${word} to ${name}`).waitFor();
    }
  };
  await both('bob', 'deployed');
  writeFileSync(join(dir, 'src', 'index.js'), says('laptop'));
  const t = tunnel();
  const context = await demo.browser.newContext(size);
  const page = await signIn(context, demo, 'bob', '/my/tunnels');
  await page.getByLabel('Code').fill(await t.code);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /Day shift/ }).waitFor();
  await look(page, 'tunnel');
  await page.getByRole('button', { name: 'Agree' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'My tunnels' }).waitFor();
  const open = await t.event('open');
  assert.deepEqual(open.people.map((x) => x.user), ['bob']);
  await both('bob', 'laptop');
  await both('alice', 'deployed');
  assert.equal(await hook(), '200 deployed false');
  assert.equal(await hook(open.key), '200 laptop false');
  assert.match(await hook(open.key.replace(/.$/, 'x')), /^409 .*TUNNEL_UNKNOWN/);
  writeFileSync(join(dir, 'src', 'index.js'), says('saved'));
  await t.event('bundle');
  await both('bob', 'saved');
  await page.goto(`${demo.access.uiUrl}/my/tunnels`);
  await page.getByRole('button', { name: /^End/ }).waitFor();
  await look(page, 'tunnels');
  await page.getByRole('button', { name: /^End/ }).click();
  await page.getByText('None.').waitFor();
  const { status, err } = await t.done;
  assert.equal(status, 4, err);
  await both('bob', 'deployed');
  assert.match(await hook(open.key), /^409 /);

  // An admin of the site ends it too, by keyboard, on the app's page.
  const t2 = tunnel();
  await page.goto(`${demo.access.uiUrl}/my/tunnels`);
  await page.getByLabel('Code').fill(await t2.code);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Agree' }).click();
  await t2.event('open');
  await both('bob', 'saved');
  const admins = await demo.browser.newContext(size);
  const apps = await signIn(admins, demo, 'alice', '/apps');
  await apps.getByRole('link', { name: /Day shift/ }).first().click();
  await apps.getByRole('heading', { name: 'Whose work in its pages a developer’s tunnel may carry' }).waitFor();
  await look(apps, 'app-tunnel');
  await apps.getByRole('button', { name: 'End that tunnels carry what bob does' }).focus();
  await apps.keyboard.press('Enter');
  await apps.getByRole('heading', { name: /End that tunnels carry what bob does in Day shift/ }).waitFor();
  await look(apps, 'tunnel-no');
  await apps.getByRole('button', { name: 'End', exact: true }).focus();
  await apps.keyboard.press('Enter');
  await apps.getByText('What that person does in the app’s pages runs what is deployed.').waitFor();
  assert.equal(await apps.getByRole('button', { name: /End that tunnels/ }).count(), 0);
  const last = await t2.done;
  assert.equal(last.status, 4, last.err);
  await both('bob', 'deployed');
  await admins.close();
  await context.close();
});
