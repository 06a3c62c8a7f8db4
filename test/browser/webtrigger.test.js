import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './demo.js';

// An app that answers a browser with everything that it should not be able to do there.
const manifest = `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000b0b0
  runtime: {name: nodejs22.x}
permissions: {scopes: []}
modules:
  webtrigger: [{key: page, function: page, response: {type: dynamic}}]
  function: [{key: page, handler: index.page}]
`;
const source = `export const page = () => ({
  statusCode: 200,
  headers: {
    'content-type': ['text/html'],
    'set-cookie': ['from_header=1; Path=/'],
    'content-security-policy': ["default-src *"],
    'service-worker-allowed': ['/'],
  },
  body: '<title>app</title><p id=origin></p><script>document.title = "ran"; document.cookie = "from_script=1"</script><h1>Hello</h1>',
});
`;

let demo, url, app;
before(async () => {
  demo = await start();
  app = mkdtempSync(join(tmpdir(), 'annex-browser-app-'));
  mkdirSync(join(app, 'src'));
  writeFileSync(join(app, 'manifest.yml'), manifest);
  writeFileSync(join(app, 'src', 'index.js'), source);
  const { developerToken, adminToken, site, product } = demo.access;
  const where = ['--environment', 'development', '--site', site, '--product', product];
  await demo.run(developerToken, app, 'deploy', '--environment', 'development');
  await demo.run(adminToken, app, 'install', '--confirm', ...where);
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

test('a page of a web trigger cannot be framed', async () => {
  // A page of somebody else's, without any policy of its own.
  const host = createServer((_, res) => res.setHeader('content-type', 'text/html').end(`<iframe src="${url}"></iframe>`));
  host.listen(0, '127.0.0.1');
  await once(host, 'listening');
  try {
    const page = await demo.browser.newPage();
    await page.goto(`http://127.0.0.1:${host.address().port}/`, { waitUntil: 'load' });
    const [, framed] = page.frames();
    assert.match(framed.url(), /^chrome-error:/, 'the browser shows the page in the frame');
  } finally {
    host.close();
  }
});
