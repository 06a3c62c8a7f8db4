// A page that the browser kept whole while another one was shown, and that one went back to.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { start } from './demo.js';
import { atRest, frameIn, openProduct } from './people.js';

let demo, browser;
before(async () => {
  demo = await start();
  // The driver's own browsers keep no pages.
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', ignoreDefaultArgs: ['--disable-back-forward-cache'], args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'] });
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

const checklist = (page) => frameIn(page, async (f) => f.url().includes('/shell') && (await f.getByLabel('New item').count()) > 0);

test('a view of UI Kit on a page that one went back to lives', async () => {
  const context = await browser.newContext({ viewport: { width: 1100, height: 1800 } });
  const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  const app = await checklist(page);
  await atRest(page);
  const [field, add] = [await app.getByLabel('New item').boundingBox(), await app.getByRole('button', { name: 'Add' }).boundingBox()];
  await page.evaluate(() => addEventListener('pageshow', (e) => { self.kept = e.persisted; }));
  await page.goto(new URL('/', page.url()).href);
  await page.evaluate(() => history.back()).catch(() => {});
  await page.waitForFunction(() => self.kept === true, null, { polling: 100 });
  // The driver does not see into frames that were kept: a mouse and another page do.
  const other = await context.newPage();
  let found = false;
  for (let n = 0; n < 20 && !found; n++) {
    await page.bringToFront();
    await page.waitForTimeout(1000);
    await page.mouse.click(field.x + 30, field.y + field.height / 2, { clickCount: 3 });
    await page.keyboard.type('After going back');
    await page.mouse.click(add.x + add.width / 2, add.y + add.height / 2);
    await page.waitForTimeout(1000);
    await other.bringToFront();
    await other.goto(page.url());
    const list = await checklist(other);
    found = (await list.getByText('After going back').count()) > 0;
  }
  assert.ok(found, 'what was entered after going back did not arrive');
  await context.close();
});
