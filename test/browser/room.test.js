// The room of panels: what is below one stays where it is while its apps load.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { start } from './demo.js';
import { atRest, openProduct } from './people.js';

let demo;
before(async () => { demo = await start(); });
after(() => demo?.stop());

// watched notes of each panel how high it was, and when it was at rest; and where the browser
// itself saw something move.
async function watched(context) {
  await context.addInitScript(() => {
    if (window.top !== window) return;
    // A page may be painted before the script of its panels came: what counts is from then on.
    window.moved = [];
    customElements.whenDefined('annex-panel').then(() => requestAnimationFrame(() => requestAnimationFrame(() => {
      new PerformanceObserver((list) => {
        for (const e of list.getEntries()) moved.push({ by: e.value, what: e.sources.map((s) => `${s.node?.nodeName} ${s.node?.className} ${s.previousRect.y} to ${s.currentRect.y}`) });
      }).observe({ type: 'layout-shift' });
    })));
    window.heights = [];
    addEventListener('DOMContentLoaded', () => {
      for (const p of document.querySelectorAll('annex-panel')) {
        new ResizeObserver(() => heights.push({ place: p.dataset.module, height: p.offsetHeight, busy: p.hasAttribute('aria-busy') })).observe(p);
      }
    });
  });
}

test('until its apps are drawn a panel grows and does not shrink; the next time it has its height at once', async () => {
  const context = await demo.browser.newContext({ viewport: { width: 1280, height: 2200 } });
  await watched(context);
  const page = await openProduct(context, demo, 'alice', '/browse/DEMO-1');
  await atRest(page);
  const first = (await page.evaluate(() => heights)).filter((h) => h.place === 'tracker:issuePanel');
  assert.ok(first.some((h) => h.busy) && first.at(-1).height > 240, JSON.stringify(first));
  const loading = first.filter((h) => h.busy).map((h) => h.height);
  // Views come to rest one after the other, and each may give back what it did not need; before
  // the first of them was drawn nothing does.
  assert.ok(loading[0] >= 240 && loading.every((h) => h >= loading[0]), `while its apps load: ${loading}`);
  // What is kept is heights, by places and modules.
  const kept = JSON.parse(await page.evaluate(() => sessionStorage.getItem('annex-room')));
  assert.ok(kept.length >= 2 && kept.every(([place, width, height, views]) => /^tracker tracker:\w+ \d+$/.test(place) && [width, height, ...Object.values(views)].every(Number.isFinite)), JSON.stringify(kept));

  // The last height is what the views have at rest: from now on nothing moves.
  const at = await page.locator('#comments').evaluate((e) => e.getBoundingClientRect().top);
  for (const how of ['the same page', 'the same page once more']) {
    await page.reload();
    await atRest(page);
    const again = (await page.evaluate(() => heights)).filter((h) => h.place === 'tracker:issuePanel').map((h) => h.height);
    const had = kept.find(([p]) => p.includes('issuePanel'))[2];
    assert.ok(Math.abs(again[0] - had) <= 2, `${how}: it begins with ${again[0]}, and had ${had}`);
    await page.waitForFunction((was) => Math.abs(document.querySelector('#comments').getBoundingClientRect().top - was) <= 2, at);
    // A machine that is slow enough has a view come to rest before it is drawn; then it moves.
    if (again.some((h) => Math.abs(h - had) > 2)) continue;
    const moved = await page.evaluate(() => window.moved);
    assert.ok(moved.reduce((n, m) => n + m.by, 0) < 0.005, `${how}: ${JSON.stringify(moved)}`);
  }

  // A place without apps takes none, not even for a moment.
  const actions = (await page.evaluate(() => heights)).filter((h) => h.place === 'tracker:issueAction');
  assert.ok(actions.every((h) => h.height === 0), JSON.stringify(actions));
  await context.close();
});

test('a browser that keeps nothing shows the panels all the same', async () => {
  const context = await demo.browser.newContext();
  await context.addInitScript(() => { Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } }); });
  const page = await openProduct(context, demo, 'bob', '/browse/DEMO-2');
  await atRest(page);
  assert.ok(await page.locator('annex-panel[data-module="tracker:issuePanel"]').evaluate((e) => e.offsetHeight) > 240);
  await context.close();
});
