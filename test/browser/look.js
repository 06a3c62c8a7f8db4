// How the platform's pages are looked at: by everybody, and for the pictures of the docs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// PICTURES=FOLDER writes the pictures of docs/admin.md.
export const pictures = process.env.PICTURES;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// look demands that a page can be read by everybody, on a phone and a desk, by day and by night.
export async function look(page, name) {
  const wide = page.viewportSize();
  for (const [width, height, scheme, suffix] of [[360, 740, 'dark', '-phone'], [1000, 760, 'light', '']]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${name} is ${over} px wider than ${width}`);
    // What sticks to the lower edge is then where it belongs in a picture of the whole page.
    if (pictures) await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    if (pictures) await page.screenshot({ path: join(pictures, `console-${name}${suffix}.png`), fullPage: true });
    await check(page, `${name} (${scheme})`);
  }
  await page.setViewportSize(wide);
}

// check runs axe-core in an isolated world of the browser, which the page's policy does not reach.
export async function check(page, name) {
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
  await session.send('Runtime.evaluate', { expression: axe, contextId: executionContextId });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((r) => JSON.stringify(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | '))))`,
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, `axe-core did not run on ${name}`);
  assert.deepEqual(JSON.parse(result.value), [], `what is hard to use on ${name}`);
  await session.detach();
}
