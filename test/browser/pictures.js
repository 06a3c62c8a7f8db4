// The pictures of README and docs, made anew from the demo: `make pictures`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './demo.js';
import { frameIn, openProduct } from './people.js';
import { signIn } from './signin.js';

const to = process.env.PICTURES;
mkdirSync(to, { recursive: true });
const demo = await start();

async function agree(page, app) {
  const frame = await frameIn(page, async (f) => (await f.getByRole('button', { name: 'Review' }).count()) > 0 && (!app || (await f.getByText(app).count()) > 0));
  const [asked] = await Promise.all([page.context().waitForEvent('page'), frame.getByRole('button', { name: 'Review' }).first().click()]);
  await asked.getByRole('button', { name: 'Agree' }).click();
  await asked.getByText('may act as you now').waitFor();
  await asked.close();
}

// settled waits until the page's height is the same for two seconds.
async function settled(page) {
  for (let same = 0, last = 0; same < 20; await page.waitForTimeout(100)) {
    const now = await page.evaluate(() => document.documentElement.scrollHeight);
    same = now === last ? same + 1 : 0;
    last = now;
  }
}

try {
  for (const colorScheme of ['light', 'dark']) {
    const context = await demo.browser.newContext({ viewport: { width: 1180, height: 1000 }, colorScheme, deviceScaleFactor: 1 });
    const save = (page, name, options = {}) => page.screenshot({ path: join(to, colorScheme === 'dark' ? `${name}-dark.png` : `${name}.png`), animations: 'disabled', ...options });
    const page = await openProduct(context, demo, 'alice', '/browse/DEMO-2');
    if (colorScheme === 'light') await agree(page);
    await page.goto(`${demo.access.productPageUrl}/browse/DEMO-2`);
    const list = await frameIn(page, async (f) => (await f.getByLabel('New item').count()) > 0);
    for (const [text, who] of colorScheme === 'light' ? [['Reproduce it on a phone', 'Bob'], ['Write a test', 'Alice'], ['Tell whoever reported it']] : []) {
      await list.getByLabel('New item').fill(text);
      if (who) {
        await list.getByRole('combobox', { name: 'Who does it' }).fill(who);
        await list.getByRole('option', { name: who }).click();
      }
      await list.getByRole('button', { name: 'Add', exact: true }).click();
      await list.getByLabel(text).waitFor();
    }
    if (colorScheme === 'light') await list.getByLabel('Write a test').check();
    await frameIn(page, async (f) => (await f.getByText('Opened').count()) > 0);
    await frameIn(page, async (f) => (await f.getByRole('button', { name: '5', exact: true }).count()) > 0);
    await frameIn(page, async (f) => (await f.getByText('No builds yet').count()) > 0);
    await list.waitForFunction(() => document.querySelectorAll('img.k-face').length === 2);
    await page.evaluate(() => scrollTo(0, 0));
    await settled(page);
    await save(page, 'tracker-issue', { fullPage: true });

    await page.goto(`${demo.access.productPageUrl}/projects/DEMO/apps`);
    if (colorScheme === 'light') await agree(page);
    await page.goto(`${demo.access.productPageUrl}/projects/DEMO/apps`);
    await frameIn(page, async (f) => (await f.getByRole('region', { name: 'To Do' }).count()) > 0 && f.url().includes('.apps.'));
    await settled(page);
    await save(page, 'tracker-board', { clip: { x: 0, y: 0, width: 1180, height: 560 } });
    await context.close();
  }
  const context = await demo.browser.newContext({ viewport: { width: 1180, height: 900 } });
  const console_ = await signIn(context, demo, 'alice', `/site/${demo.access.site}`);
  await console_.screenshot({ path: join(to, 'console-site.png'), fullPage: true, animations: 'disabled' });
} finally {
  await demo.stop();
}
