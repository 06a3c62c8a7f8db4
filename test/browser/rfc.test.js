// RFC-94's own code: its manifest's spelling, its flat calls and its slips of the pen, in a page
// of the app's own and in UI Kit, with an admin who approves and declines, and a user.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { start } from './demo.js';
import { atRest, frameIn, openProduct } from './people.js';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const manifest = (id, module) => `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-${id}
  name: Anywhere
  runtime: {name: nodejs22.x}
permissions:
  scopes: []
  external:
    configurable: true
remotes:
  - key: log-server
    userConfiguration:
      name: Log server
      description: Where a line is sent for each issue
      default: logs.example.com
      supportedPatterns: ['*.example.com']
modules:
  tracker:issuePanel: [${module}]
  function: [{key: resolver, handler: index.handler}, {key: register, handler: index.register}]
resources: [{key: ui, path: static}, {key: kit, path: src/kit.jsx}]
`;
// What the RFC prints, but for the lines that show what came of it.
const files = {
  'package.json': '{"name": "anywhere", "private": true}',
  'src/index.js': `import Resolver from '@forge/resolver';
import { asApp, permissions } from '@forge/api';
const resolver = new Resolver();
resolver.define('domains', async () => [await permissions.egress.domainsDomains(), await permissions.remote.getRemote('log-server')]);
export const handler = resolver.getDefinitions();
export const register = async () => {
  const response = await asApp().requestGraph(\`
    mutation registerModule($input: RegisterModuleInput!) {
      registerModule(input: $input) {
        success
        errors { message code }
      }
    }\`, { input: { key: 'second-log-server', type: 'remote', userDefined: { name: 'Second', description: 'For the copies', domainPatterns: ['*.example.com'] } } });
  return (await response.json()).data.registerModule;
};
`,
  'src/kit.jsx': `import React, { useEffect, useState } from 'react';
import ForgeReconciler, { Button, Image, Text, usePermissions } from '@forge/react';
import { invoke, permissions, router } from '@forge/bridge';
const App = () => {
  const [said, say] = useState('nothing yet');
  const [domains, setDomains] = useState(null);
  const { hasPermission } = usePermissions({ external: { images: ['images.example.com'] } });
  const told = (act) => () => act().then((v) => say(JSON.stringify(v)), (e) => say(e.code + ' ' + e.status));
  useEffect(() => { (async () => setDomains(await permissions.egress.domainsDomains()))(); }, []);
  const request = async () => {
    const result = await permissions.egress.requestDomains(['images.example.com']);
    if (result) {
      router.reload();
    }
    return Boolean(result);
  };
  const known = async () => [permissions.egress.domainsDomains().includes('images.example.com'), ...(await invoke('domains'))];
  const remote = async () => { await permissions.remote.setRemote('log-server', 'https://own.example.com/v1'); return permissions.remote.getRemote('log-server'); };
  return <>
    <Button onClick={told(request)}>Request</Button><Button onClick={told(known)}>Known</Button><Button onClick={told(remote)}>Remote</Button>
    <Button onClick={told(() => permissions.egress.removeDomains(['images.example.com']))}>Remove</Button>
    <Text>said {said}</Text><Text>domains {JSON.stringify(domains)}</Text><Text>{hasPermission ? 'has it' : 'has it not'}</Text>
    {hasPermission && <Image src="https://images.example.com/one.png" alt="a picture" />}
  </>;
};
ForgeReconciler.render(<App />);
`,
  'static/index.html': `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Anywhere</title></head><body>
<button id="request">Request</button><button id="known">Known</button><button id="remote">Remote</button><button id="outside">Outside</button><button id="slips">Slips</button><button id="remove">Remove</button>
<p>said <span id="said">nothing yet</span></p><p>domains <span id="domains"></span></p><img id="one" alt="a picture"><script type="module" src="main.js"></script></body></html>`,
  'static/main.js': `import { checkPermissions, invoke, permissions, router } from '/_annex/sdk.js';
const say = (text) => { document.getElementById('said').textContent = text; };
const on = (id, act) => { document.getElementById(id).onclick = () => act().then((v) => say(JSON.stringify(v)), (e) => say(e.code + ' ' + e.status)); };
on('request', async () => {
  const result = await permissions.egress.requestDomains(['images.example.com']);
  if (result) {
    router.reload();
  }
  return Boolean(result);
});
on('known', async () => [permissions.egress.domainsDomains().includes('images.example.com'), ...(await invoke('domains'))]);
on('remote', async () => { await permissions.remote.setRemote('log-server', 'https://own.example.com/v1'); return permissions.remote.getRemote('log-server'); });
on('remove', () => permissions.egress.removeDomains(['images.example.com']));
on('outside', async () => permissions.remote.setRemote('log-server', 'https://evil.example.net/.example.com'));
on('slips', async () => [await permissions.dynamicRemotes().getRemote('log-server'), await permissions.dynamicEgress().addDomain('second.example.com')]);
document.getElementById('one').src = 'https://images.example.com/one.png';
const domains = await permissions.egress.domainsDomains();
const { granted } = await checkPermissions({ external: { images: ['images.example.com'] } });
document.getElementById('domains').textContent = JSON.stringify(domains) + (granted ? ' granted' : '');
`,
};
const apps = {
  own: manifest('00000000fc94', '{key: panel, title: Anywhere, resource: ui, resolver: {function: resolver}}'),
  kit: manifest('00000000fc95', '{key: panel, title: Anywhere in the kit, resource: kit, render: native, resolver: {function: resolver}}'),
};

let demo, dir;
const installed = {};
const where = () => ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
before(async () => {
  demo = await start();
  dir = mkdtempSync(join(tmpdir(), 'annex-rfc-'));
  for (const [name, text] of Object.entries(apps)) {
    for (const [file, body] of Object.entries({ ...files, 'manifest.yml': text })) {
      mkdirSync(dirname(join(dir, name, file)), { recursive: true });
      writeFileSync(join(dir, name, file), body);
    }
    await demo.run(demo.access.developerToken, join(dir, name), 'deploy', '--environment', 'development');
    const made = await demo.run(demo.access.adminToken, join(dir, name), 'install', '--confirm', ...where());
    installed[name] = made.installation?.id ?? made.id;
  }
});
after(async () => {
  await demo?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

// The frames in which each app's buttons are.
const frames = {
  own: (page) => frameIn(page, async (f) => f.url().includes('.apps.localhost') && (await f.locator('#domains').innerText()) !== ''),
  kit: (page) => frameIn(page, async (f) => f.url().includes('/shell') && (await f.getByText('said ').count()) > 0),
};
async function open(name) {
  const context = await demo.browser.newContext({ viewport: { width: 1180, height: 900 } });
  const asked = [];
  await context.route(/^https:\/\//, (route) => { asked.push(route.request().url()); return route.fulfill({ contentType: 'image/png', body: png }); });
  return { context, asked, page: await openProduct(context, demo, name, '/browse/DEMO-1') };
}
async function press(frame, name) {
  await atRest(frame.page());
  for (let f = frame; f.parentFrame(); f = f.parentFrame()) await (await f.frameElement()).evaluate((e) => e.scrollIntoView({ block: 'center' }));
  const button = frame.getByRole('button', { name, exact: true });
  await button.evaluate((e) => e.scrollIntoView({ block: 'center' }));
  await button.click();
}
const modal = (page) => frameIn(page, async (f) => f.url().includes('/ask/modal') && (await f.locator('[data-annex-allow]').count()) > 0);
const asking = (page) => page.frames().some((f) => f.url().includes('/ask/'));
const closed = (page) => until('the end of the question', () => !asking(page));
async function decide(page, what) {
  const shown = await modal(page);
  const button = shown.locator(`[data-annex-${what}]`);
  if (what === 'allow') for (let n = 0; (await button.getAttribute('aria-disabled')) !== null; n++) { assert.ok(n < 200, 'the button counts'); await page.waitForTimeout(50); }
  await button.click();
  await closed(page);
}
const loaded = (frame) => frame.locator('img').evaluateAll((all) => all.some((i) => i.src.includes('images.example.com') && i.naturalWidth > 0)).catch(() => false);
async function until(what, is) {
  for (let n = 0; n < 300; n++) {
    const got = await is();
    if (got) return got;
    await new Promise((r) => { setTimeout(r, 100); });
  }
  throw new Error(`waited in vain for ${what}`);
}

for (const [name, find] of Object.entries(frames)) {
  test(`the RFC’s calls work as printed: ${name === 'own' ? 'a page of the app’s own' : 'UI Kit'}`, async () => {
    const { context, asked, page } = await open('alice');
    let app = await find(page);
    const says = async (text) => app.getByText(`said ${text}`, { exact: true }).waitFor();
    await app.getByText('domains []', { exact: true }).waitFor();
    assert.deepEqual(asked, [], 'an image is loaded that nobody granted');
    await press(app, 'Known');
    await says('[false,[],"https://logs.example.com"]');

    // Asked for all types at once; the admin is shown a box for each.
    await press(app, 'Request');
    const shown = await modal(page);
    const boxes = Object.fromEntries(await shown.locator('[data-annex-type]').evaluateAll((all) => all.map((n) => [n.dataset.annexType, n.querySelector('input').checked])));
    assert.deepEqual(boxes, { FETCH_BACKEND_SIDE: true, FETCH_CLIENT_SIDE: true, IMAGES: true, MEDIA: true, FONTS: true, SCRIPTS: false, STYLES: false, FRAMES: false });
    await decide(page, 'allow');
    // router.reload() loads under the new policy.
    await until('the image', async () => { app = await find(page); return loaded(app); });
    assert.ok(asked.length > 0 && asked.every((u) => u === 'https://images.example.com/one.png'));
    await app.getByText(name === 'own' ? 'domains ["images.example.com"] granted' : 'domains ["images.example.com"]', { exact: true }).waitFor();
    await press(app, 'Known');
    await says('[true,["images.example.com"],"https://logs.example.com"]');
    await press(app, 'Remote');
    const change = await modal(page);
    assert.match(await change.locator('body').innerText(), /logs\.example\.com[^]*own\.example\.com|own\.example\.com[^]*logs\.example\.com/);
    await decide(page, 'allow');
    // The app gets its answer, in UI Kit too: the address that it had asked for another in the place of.
    await says('"https://own.example.com/v1"');
    if (name === 'own') {
      await press(app, 'Outside');
      await says('OUTSIDE_PATTERNS 422');
      await press(app, 'Slips');
      await decide(page, 'decline');
      await says('["https://own.example.com/v1",false]');
    }
    await context.close();

    // Bob is nobody's admin: he reads, is shown no page to decide in, and sees what was allowed.
    const bob = await open('bob');
    app = await find(bob.page);
    await until('the image for Bob', async () => { app = await find(bob.page); return loaded(app); });
    await press(app, 'Remote');
    await app.getByText('"https://own.example.com/v1"').waitFor(); // it is that already
    await demo.run(demo.access.adminToken, dir, 'remote', 'reset', installed[name], 'log-server');
    await press(app, 'Remote');
    await app.getByText('said ADMIN_REQUIRED 403', { exact: true }).waitFor();
    assert.ok(!asking(bob.page));
    await bob.context.close();

    // Taken back, by the admin in the console and by the app itself, which hears so: the next load is blocked.
    for (const type of ['FETCH_BACKEND_SIDE', 'FETCH_CLIENT_SIDE', 'MEDIA']) await demo.run(demo.access.adminToken, dir, 'grants', 'disallow', installed[name], type, 'images.example.com');
    const back = await open('alice');
    await until('the image', async () => { app = await find(back.page); return loaded(app); });
    await press(app, 'Remove');
    await app.getByText('said true', { exact: true }).waitFor();
    await back.context.close();
    const again = await open('alice');
    app = await find(again.page);
    await app.getByText('domains []', { exact: true }).waitFor();
    assert.deepEqual(again.asked, []);
    await again.context.close();
  });
}

test('a remote that the app registers by GraphQL is listed, and grants nothing', async () => {
  const made = await demo.run(demo.access.developerToken, join(dir, 'own'), 'invoke', 'register', ...where());
  assert.deepEqual(made.result ?? made, { success: true, errors: [] });
  const listed = await demo.run(demo.access.adminToken, dir, 'module', 'list', installed.own);
  assert.deepEqual(listed.modules.map((m) => m.key), ['second-log-server']);
  const { remotes } = await demo.run(demo.access.adminToken, dir, 'remote', 'list', installed.own);
  assert.equal(remotes.find((r) => r.key === 'second-log-server').url ?? '', '');
});
