import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';
import { check, look } from './look.js';
import { signIn } from './signin.js';

// An app whose second version asks for more.
const manifest = (hosts) => `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000c0115
  name: Weather
  runtime: {name: nodejs22.x}
permissions:
  scopes: [storage:app, read:jira-work, write:jira-work]
  external: {configurable: true, fetch: {backend: [${hosts.join(', ')}]}}
modules:
  webtrigger: [{key: page, function: page, response: {type: dynamic}}]
  function: [{key: page, handler: index.page}]
`;
const source = `export const page = () => { console.log('asked'); return { statusCode: 200, body: 'sunny' }; };`;

let demo, app;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-console-'));
  mkdirSync(join(app, 'src'));
  writeFileSync(join(app, 'src', 'index.js'), source);
});
after(async () => {
  rmSync(app, { recursive: true, force: true });
  await demo?.stop();
});

async function deploy(hosts, ...more) {
  writeFileSync(join(app, 'manifest.yml'), manifest(hosts));
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development', ...more);
}

test('Alice, an admin, installs, trims, updates and ends an app; Bob sees what it does', async () => {
  await deploy(['api.example.com']);
  const context = await demo.browser.newContext({ viewport: { width: 1000, height: 760 } });
  const complaints = [];
  context.on('page', (p) => p.on('console', (m) => m.type() === 'error' && !/404|403|422|'webrtc'/.test(m.text()) && complaints.push(m.text())));
  const first = await context.newPage();
  await first.goto(demo.access.uiUrl);
  await first.getByRole('heading', { name: 'Sign in' }).waitFor();
  await look(first, 'home');
  await first.close();

  // A developer's request waits for an admin.
  const where = ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
  await demo.run(demo.access.developerToken, app, 'install', '--confirm', ...where).catch(() => {});
  const page = await signIn(context, demo, 'alice', '/apps');
  await page.getByRole('heading', { name: 'Connected apps' }).waitFor();
  const names = (await context.cookies()).filter((c) => c.domain === 'annex.localhost');
  assert.deepEqual(names.map((c) => [c.name, c.secure, c.httpOnly, c.sameSite]), [['__Host-annex', true, true, 'Lax']]);
  await look(page, 'apps');

  await page.getByRole('link', { name: 'Review Weather' }).click();
  await page.getByRole('heading', { name: /Install/ }).waitFor();
  await page.getByRole('checkbox', { name: /Create and change issues/ }).uncheck();
  await page.getByRole('checkbox', { name: /I know/ }).check();
  await look(page, 'install');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Install Weather?' }).waitFor();
  await look(page, 'confirm');
  await page.getByRole('button', { name: 'Install', exact: true }).click();
  await page.getByText('The app is installed.').waitFor();
  await page.getByRole('heading', { name: 'Asked for, and not allowed' }).waitFor();
  const address = page.url();

  // An address more, and away again.
  await page.getByLabel('Host').fill('maps.example.com');
  await page.getByRole('button', { name: 'Add …' }).click();
  await page.getByRole('button', { name: 'Allow', exact: true }).click();
  await page.getByText('It counts already.').waitFor();
  await look(page, 'app');
  await page.getByRole('button', { name: /Take away/ }).click();
  await page.getByRole('button', { name: 'Take away', exact: true }).click();
  await page.getByText('also for calls that are running').waitFor();

  // A version that asks for more waits.
  await deploy(['api.example.com', '"*.example.org"'], '--approve');
  await page.goto(demo.access.uiUrl + '/apps');
  await page.getByRole('heading', { name: /Waiting for your decision/ }).waitFor();
  await page.getByRole('link', { name: 'Review Weather' }).click();
  await page.getByText('marked below').waitFor();
  assert.equal(await page.locator('.pick.new').count(), 1);
  await look(page, 'update');
  await page.getByRole('checkbox', { name: /I know/ }).check();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: /^Run / }).click();
  await page.getByText('The app runs with what you allowed.').waitFor();

  // A wildcard is replaced by hosts within it, and by no others.
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  const instead = page.getByLabel(/Only these hosts instead/);
  await instead.fill('evil.example.net');
  await page.getByRole('checkbox', { name: /I know/ }).check();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('is not within what the app asks for').waitFor();
  await page.goBack();
  await instead.fill('data.example.org\nmore.example.org');
  await look(page, 'wildcard');
  await page.getByRole('checkbox', { name: /I know/ }).check();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: /Change what/ }).waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('The app runs with what you allowed.').waitFor();
  await page.getByText('more.example.org').first().waitFor();
  await page.getByRole('link', { name: 'Change', exact: true }).click();
  assert.equal(await instead.inputValue(), 'data.example.org\nmore.example.org');

  // Bob is no admin.
  const other = await demo.browser.newContext({ viewport: { width: 1000, height: 760 } });
  const bob = await signIn(other, demo, 'bob', '/apps');
  await bob.getByText('for admins of the site').waitFor();
  await look(bob, 'problem');
  await bob.goto(demo.access.uiUrl + '/my/apps');
  await look(bob, 'my-apps');
  await bob.getByRole('link', { name: 'Weather' }).click();
  await bob.getByRole('link', { name: 'See what it would ask' }).click();
  await bob.getByRole('heading', { name: /act as you/ }).waitFor();
  await look(bob, 'consent');
  await bob.getByRole('button', { name: 'Agree' }).click();
  await bob.getByText('may act as you now').waitFor();
  await look(bob, 'my-app');

  // Alice takes it back for him.
  await page.goto(address);
  await page.getByRole('button', { name: /what bob agreed to/ }).click();
  await page.getByRole('button', { name: 'Take back', exact: true }).click();
  await page.getByText('Nobody so far.').waitFor();

  await page.goto(demo.access.uiUrl + '/audit');
  await page.locator('li', { hasText: 'A user agreed that an app acts as them' }).first().waitFor();
  await page.getByLabel('What').selectOption('consent');
  await page.getByRole('button', { name: 'Show' }).click();
  assert.equal(await page.locator('.trail li', { hasText: 'version' }).count(), 0);
  await page.locator('.trail a', { hasText: 'alice' }).first().click();
  await page.getByText(/Only what alice .* did/).waitFor();
  await page.getByRole('link', { name: 'Everybody' }).click();
  await look(page, 'audit');

  await page.goto(address);
  await page.getByRole('button', { name: 'Uninstall …' }).click();
  await page.getByRole('button', { name: 'Uninstall', exact: true }).click();
  await page.getByText('The app is gone.').waitFor();
  assert.deepEqual(complaints, []);
});

test('logs are shared for a time, a site has switches, and a command line is let in', async () => {
  writeFileSync(join(app, 'manifest.yml'), manifest(['api.example.com']));
  await demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'production', '--approve');
  await demo.run(demo.access.adminToken, app, 'install', '--environment', 'production', '--site', demo.access.site, '--product', demo.access.product, '--confirm');
  const context = await demo.browser.newContext({ viewport: { width: 1000, height: 760 } });
  const complaints = [];
  context.on('page', (p) => p.on('console', (m) => m.type() === 'error' && !/404|403|422|'webrtc'/.test(m.text()) && complaints.push(m.text())));
  const page = await signIn(context, demo, 'alice', '/apps');
  await page.getByRole('link', { name: 'Weather' }).first().click();
  await page.getByText("Nobody but this site's admins reads").waitFor();
  await page.getByLabel(/Share with its developer/).selectOption({ label: '8 hours' });
  await page.getByRole('button', { name: 'Share …' }).click();
  await page.getByRole('heading', { name: /Share the logs of Weather for 8 hours/ }).waitFor();
  await look(page, 'share');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByText(/reads what it writes since/).waitFor();
  const where = ['--environment', 'production', '--site', demo.access.site, '--product', demo.access.product];
  const { url } = await demo.run(demo.access.adminToken, app, 'webtrigger', 'create', '--function', 'page', ...where);
  const called = await context.newPage();
  await called.goto(url);
  await called.getByText('sunny').waitFor();
  await called.close();
  await demo.run(demo.access.developerToken, app, 'logs', '--environment', 'production', '--site', demo.access.site);
  await page.reload();
  await look(page, 'logs');
  await page.getByRole('button', { name: 'Stop sharing …' }).click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByText("Nobody but this site's admins reads").waitFor();

  await page.getByRole('link', { name: 'Site', exact: true }).click();
  await page.getByRole('heading', { name: 'Updates' }).waitFor();
  await page.getByLabel(/some hours after/).check();
  await page.getByLabel(/^Hours/).fill('24');
  await page.getByRole('button', { name: 'Change …' }).click();
  await page.getByText('come 24 hours after').waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('come 24 hours after').waitFor();
  await look(page, 'site');
  await page.getByRole('button', { name: 'Stop them …' }).click();
  await page.getByRole('button', { name: 'Stop them', exact: true }).click();
  await page.getByText('This site takes no development').waitFor();
  await page.getByRole('button', { name: 'Take them …' }).click();
  await page.getByRole('heading', { name: /Take development apps/ }).waitFor();
  await look(page, 'switch');
  await page.getByRole('button', { name: 'Take them', exact: true }).click();
  await page.getByText('This site takes development').waitFor();

  await page.getByRole('link', { name: 'Accounts', exact: true }).click();
  await page.getByRole('heading', { name: 'Accounts' }).waitFor();
  await look(page, 'accounts');

  // annex login, as it is typed.
  const login = demo.login(app);
  await page.getByRole('link', { name: 'Command lines' }).click();
  await page.getByLabel('Code').fill('BBBB-BBBB');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('othing waits with this code').waitFor();
  await page.goto(demo.access.uiUrl + '/device');
  await page.getByLabel('Code').fill((await login.code).toLowerCase());
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: /asks to be let in/ }).waitFor();
  await look(page, 'command-line');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Let it in' }).waitFor();
  await look(page, 'let-in');
  await page.getByRole('button', { name: 'Let it in' }).click();
  await page.getByText('The command line gets its token').waitFor();
  assert.match(await login.done, /alice of tracker \(admin\) of site demo/);
  await page.reload();
  await look(page, 'command-lines');
  await page.getByRole('button', { name: /^End/ }).click();
  await page.getByText('The command line can do nothing more').waitFor();
  assert.notEqual(await login.again(), 0);
  assert.deepEqual(complaints, []);
});

test('pages work without JavaScript and by keyboard', async () => {
  const context = await demo.browser.newContext({ javaScriptEnabled: false });
  const page = await signIn(context, demo, 'alice', '/apps');
  await page.keyboard.press('Tab');
  assert.equal(await page.locator(':focus').innerText(), 'Skip to the content');
  await page.getByRole('link', { name: 'notes' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /Keep it at/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /Go on at Tracker/ }).click();
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await page.getByText('no update reaches it').waitFor();
});
