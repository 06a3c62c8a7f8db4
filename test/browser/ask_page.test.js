// The page on which an admin decides what an app asks for, against pages that try to have it
// decided for them: each test would pass a press that nobody meant.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { items, line, question, remote, serve, types } from './asking/server.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let site, browser;
before(async () => {
  site = await serve();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
});
after(async () => {
  await browser?.close();
  site?.stop();
});

const until = async (what, is) => {
  for (let n = 0; n < 400; n++) {
    const got = await is();
    if (got) return got;
    await new Promise((r) => { setTimeout(r, 25); });
  }
  throw new Error(`waited in vain for ${what}`);
};

// The pages' clock stands still but for what a test lets pass: however slow the machine is,
// a button counts when it has been in sight for its time, and not before.
const stopped = async (context) => {
  await context.clock.install({ time: 0 });
  await context.clock.pauseAt(1000);
  return context;
};

// ask opens the product's page, has the app ask, and gives what is there then.
async function ask(shown = question(), options = {}) {
  Object.assign(site.state, { shown, decided: [], requests: [], problem: null, decideProblem: null, settled: false, windows: 0 });
  const context = await stopped(await browser.newContext({ viewport: { width: 1000, height: 820 }, ...options }));
  const page = await context.newPage();
  await page.goto(site.origins.product);
  const shell = await until('the shell', async () => {
    for (const f of page.frames()) if (f.url().includes('/shell') && (await f.evaluate(() => Boolean(self.port)).catch(() => false))) return f;
    return null;
  });
  const app = page.frames().find((f) => f.url().startsWith(site.origins.app));
  const answered = { over: false };
  const again = (ticket) => { answered.over = false; return shell.evaluate((t) => self.ask(t), ticket).then(() => { answered.over = true; }, () => {}); };
  void again('t1');
  const modal = () => until('the modal', async () => {
    for (const f of page.frames()) if (f.url().includes('/ask/modal') && (await f.evaluate(() => Boolean(document.querySelector('[data-annex-allow], [data-annex-close]'))).catch(() => false))) return f;
    return null;
  });
  const frame = await modal();
  return { context, page, shell, app, frame, modal, answered, again, allow: frame.locator('[data-annex-allow]'), decline: frame.locator('[data-annex-decline]') };
}

// What has to be seen first, the browser says in its own time: the wait starts then.
const armed = (allow) => until('the button', async () => {
  if ((await allow.getAttribute('aria-disabled')) === null) return true;
  await allow.page().clock.runFor(600);
  return (await allow.getAttribute('aria-disabled')) === null;
});
const off = async (a, what) => { await a.page.clock.runFor(3000); assert.equal(await a.allow.getAttribute('aria-disabled'), 'true', what); };
const middle = async (locator) => { const b = await locator.boundingBox(); return [b.x + b.width / 2, b.y + b.height / 2]; };
// nothing was decided: what a press set off has gone to the product's page and back by now,
// and a request of its own comes after any other.
const over = async (a) => {
  await a.page.clock.runFor(300);
  for (const f of [a.frame, a.page, a.frame]) await f.evaluate(() => new Promise((r) => { const c = new MessageChannel(); c.port1.onmessage = r; c.port2.postMessage(0); }));
  await a.frame.evaluate(() => fetch('/over', { method: 'POST' }).catch(() => {}));
};
const nothing = async (a) => { await over(a); assert.deepEqual(site.state.decided, []); };

test('what was shown is approved by a press that began when it had been in sight for a while', async () => {
  const a = await ask();
  assert.equal(await a.frame.evaluate(() => document.activeElement.textContent), 'Decline');
  assert.equal(await a.allow.getAttribute('aria-disabled'), 'true');
  await armed(a.allow);
  await a.allow.click();
  await until('the decision', () => a.answered.over);
  assert.equal(site.state.decided.length, 1);
  const { ticket, digest, approve, items: chosen, user } = site.state.decided[0];
  assert.deepEqual([ticket, digest, approve, chosen], ['t1', 'd1', true, [0]]);
  const opened = JSON.parse(site.state.requests.find((r) => r.path === '/ask/open').body);
  assert.notEqual(user, opened.user, 'the decision stood on the assertion that the page was opened with');
  assert.equal(await a.page.locator('dialog').count(), 0);
  assert.equal(await a.shell.evaluate(() => self.frameElement), null); // of another site than the page
  await a.context.close();
});

test('a second click of a double click, meant for what lay there, decides nothing', async () => {
  const a = await ask();
  const [x, y] = await middle(a.allow);
  for (let n = 0; n < 6; n++) await a.page.mouse.click(x, y, { delay: 5 });
  await nothing(a);
  // A press that begins before the button counts, and ends after, began too early.
  await a.page.mouse.move(x, y);
  await a.page.mouse.down();
  await armed(a.allow);
  await a.page.mouse.up();
  await nothing(a);
  // One that begins beside it did not begin on it.
  await a.page.mouse.move(x, y - 60);
  await a.page.mouse.down();
  await a.page.mouse.move(x, y);
  await a.page.mouse.up();
  await nothing(a);
  await a.context.close();
});

test('what a script presses is not pressed', async () => {
  const a = await ask();
  await armed(a.allow);
  await a.frame.evaluate(() => {
    const b = document.querySelector('[data-annex-allow]');
    b.click();
    const at = { bubbles: true, cancelable: true, isPrimary: true, button: 0, detail: 1 };
    for (const e of [new PointerEvent('pointerdown', at), new PointerEvent('pointerup', at), new MouseEvent('click', at), new PointerEvent('click', { ...at, detail: 0 }), new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', bubbles: true })]) b.dispatchEvent(e);
  });
  await nothing(a);
  await a.context.close();
});

test('a key that is held down answers nothing, and one that is pressed does', async () => {
  const a = await ask();
  await a.page.keyboard.down('Enter'); // on Decline, before it counts
  for (let n = 0; n < 8; n++) await a.page.keyboard.down('Enter'); // as a keyboard repeats it
  await a.page.keyboard.press('Tab');
  await until('the focus', async () => (await a.frame.evaluate(() => document.activeElement.dataset.annexAllow)) === '');
  await armed(a.allow);
  for (let n = 0; n < 4; n++) await a.page.keyboard.down('Enter');
  await nothing(a);
  assert.equal(a.answered.over, false, 'it was declined by a key that was held for something else');
  await a.page.keyboard.up('Enter');
  await a.page.keyboard.press('Enter');
  await until('the decision', () => site.state.decided.length === 1);
  await a.context.close();
});

test('losing the focus, another size and another choice start the wait again', async () => {
  const a = await ask(question({ choose: true, items: items(...types.slice(0, 3).map((t) => ['cdn.example.com', t])) }));
  const again = async (what) => { await until(what, async () => (await a.allow.getAttribute('aria-disabled')) === 'true'); await armed(a.allow); };
  await armed(a.allow);
  await a.frame.locator('[data-annex-item="1"]').click();
  await again('another choice');
  await a.page.setViewportSize({ width: 980, height: 800 });
  await again('another size');
  await a.frame.evaluate(() => { window.dispatchEvent(new Event('blur')); });
  await again('another focus');
  await a.frame.evaluate(() => { for (const b of document.querySelectorAll('[data-annex-item]:checked')) b.click(); });
  await off(a, 'nothing is ticked');
  await a.context.close();
});

test('whatever lies over it, even if clicks go through, keeps it from counting', async () => {
  const a = await ask();
  await armed(a.allow);
  await a.page.evaluate(() => {
    const over = document.createElement('div');
    over.popover = 'manual';
    over.style.cssText = 'position:fixed;inset:0;width:100vw;height:100vh;margin:0;border:0;background:#fffd;pointer-events:none';
    over.textContent = 'Press here to win';
    document.body.append(over);
    over.showPopover();
    self.over = over;
  });
  await until('the cover to be seen', async () => (await a.allow.getAttribute('aria-disabled')) === 'true');
  await off(a, 'it is covered');
  const [x, y] = await middle(a.allow);
  await a.page.mouse.click(x, y, { delay: 20 });
  await nothing(a);
  assert.match(await a.frame.locator('[data-annex-note]').innerText(), /covers this page/);
  await a.page.evaluate(() => self.over.remove());
  await armed(a.allow);
  await a.context.close();
});

test('an app’s frame takes neither focus nor sight from it', async () => {
  const a = await ask();
  await armed(a.allow);
  // What takes the focus once loses it again, and the wait begins anew.
  await a.app.evaluate(() => focus());
  await until('the wait', async () => (await a.allow.getAttribute('aria-disabled')) === 'true');
  await until('the focus', async () => { await a.page.clock.runFor(50); return a.frame.evaluate(() => document.hasFocus()); });
  await a.page.keyboard.type('secret');
  assert.deepEqual(await a.app.evaluate(() => window.keys), [], 'the frame of the app got what was typed');
  await armed(a.allow);
  // A dialog of the app's waits, and its flags lie below.
  await a.shell.evaluate(() => { self.dialog(); self.flag(); });
  await over(a);
  const [x, y] = await middle(a.allow);
  assert.equal(await a.page.evaluate(([px, py]) => document.elementFromPoint(px, py).shadowRoot, [x, y]), null); // the dialog's own, closed to the page
  assert.equal(await a.allow.getAttribute('aria-disabled'), null, 'a dialog of the app lies above it');
  await a.allow.click();
  await until('the decision', () => site.state.decided.length === 1);
  // A dialog of the app's that waited is shown then.
  await until('the dialog', () => a.page.evaluate(() => document.querySelector('annex-panel') && [...document.querySelectorAll('body > div')].some((d) => d.shadowRoot?.querySelector('dialog'))));
  await a.context.close();
});

test('a frame that fights for the focus keeps it from being approved, not from being declined', async () => {
  const a = await ask();
  await a.frame.evaluate(() => { self.lost = 0; addEventListener('blur', () => { self.lost++; }); });
  await a.app.evaluate(() => { window.greedy = true; });
  const told = a.frame.getByText('keeps taking the focus');
  await until('it to be said', async () => {
    const [had, lost] = await a.frame.evaluate(() => [document.hasFocus(), self.lost]);
    await a.page.clock.runFor(100);
    if (had) await until('the focus to be taken', () => a.frame.evaluate((n) => self.lost > n, lost));
    assert.equal(await a.allow.getAttribute('aria-disabled'), 'true');
    return (await told.count()) > 0;
  });
  const [x, y] = await middle(a.decline);
  await a.page.mouse.click(x, y, { delay: 20 });
  await until('the decision', () => site.state.decided.length === 1);
  assert.equal(site.state.decided[0].approve, false);
  await a.context.close();
});

test('messages of others open nothing, and change nothing that is open', async () => {
  const a = await ask();
  const posts = () => {
    const all = new Set([parent, top, parent.parent]);
    for (const w of [...all]) for (let i = 0; i < w.length; i++) { all.add(w[i]); for (let k = 0; k < w[i].length; k++) all.add(w[i][k]); }
    for (const w of all) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {};
      w.postMessage({ annex: 'ask', ticket: 'evil', theme: 'light' }, '*', [port2]);
      for (const kind of ['ask', 'closing', 'token', 'end', 'answer']) w.postMessage({ kind, ticket: 'evil', id: 1, token: 'evil', result: true }, '*');
    }
    return all.size;
  };
  assert.ok((await a.app.evaluate(posts)) >= 3);
  // The product's own window may speak to the page, but only once.
  await a.page.evaluate(() => { for (let i = 0; i < window.length; i++) window[i].postMessage({ annex: 'ask', ticket: 'other', theme: 'light' }, '*', [new MessageChannel().port2]); });
  await over(a);
  assert.deepEqual(site.state.requests.filter((r) => r.path.startsWith('/ask/')).map((r) => [r.method, r.path, JSON.parse(r.body || '{}').ticket]), [['POST', '/ask/open', 't1']]);
  assert.ok(!a.answered.over);
  await a.context.close();
});

test('two questions are shown one after the other, and a press for the first is none for the second', async () => {
  const a = await ask();
  void a.again('t2');
  await armed(a.allow);
  const [x, y] = await middle(a.allow);
  await a.page.mouse.dblclick(x, y);
  await until('the second', () => site.state.requests.some((r) => r.path === '/ask/open' && JSON.parse(r.body).ticket === 't2'));
  const second = await a.modal();
  await a.page.mouse.click(x, y);
  await over({ ...a, frame: second });
  assert.deepEqual(site.state.decided.map((d) => d.ticket), ['t1']);
  await armed(second.locator('[data-annex-allow]'));
  await second.locator('[data-annex-decline]').click();
  await until('both', () => site.state.decided.length === 2);
  assert.deepEqual(site.state.decided.map((d) => [d.ticket, d.approve]), [['t1', true], ['t2', false]]);
  await a.context.close();
});

test('an app’s words pass for nothing of the platform’s', async () => {
  const a = await ask(question({
    app: 'Annex \u202Exenna\u2066 \u200bsystem', publisher: 'Bob\n\nAllowed by Tracker', have: [line('*', 'IMAGES')],
    messages: [{ text: `<b>approved</b> \u202Emoc.elpmaxe\u202C https://example.com ${'x'.repeat(400)}` }],
    items: items(['*.' + 'very-long-label-'.repeat(3) + 'a.login.example.com.evil-registered-name.net', 'IMAGES']),
  }));
  const text = await a.frame.locator('main').innerText();
  assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u200b]/);
  const quoted = a.frame.locator('[data-annex-message]');
  assert.ok([...(await quoted.innerText())].length <= 301);
  assert.match(await quoted.innerText(), /<b>approved<\/b>/); // as text
  assert.equal(await quoted.locator('*').count(), 0);
  assert.equal(await a.frame.locator('a').count(), 0);
  const host = a.frame.locator('[data-annex-asked] .host');
  assert.equal(await host.locator('strong').innerText(), 'evil-registered-name.net');
  assert.ok((await host.innerText()).replace(/\s/g, '').endsWith('a.login.example.com.evil-registered-name.net'), 'a host was cut short');
  assert.ok(await host.evaluate((n) => n.scrollWidth <= n.clientWidth + 1));
  assert.equal(await host.evaluate((n) => getComputedStyle(n).direction), 'ltr');
  // Who and what come first, the app's own words after.
  assert.ok(text.indexOf('may send data') < text.indexOf('evil-registered') && text.indexOf('evil-registered') < text.indexOf('already reach') && text.indexOf('already reach') < text.indexOf('Message from the app'));
  await a.context.close();
});

test('what reaches far goes to a window of its own, which the page waits for', async () => {
  const a = await ask(question({ choose: true, items: items(...types.map((t) => ['cdn.example.com', t])) }));
  for (const t of ['SCRIPTS', 'STYLES', 'FRAMES']) assert.equal(await a.frame.locator(`[data-annex-type=${t}] input`).isChecked(), false);
  assert.equal(await a.allow.innerText(), 'Allow what is ticked');
  await a.frame.locator('[data-annex-type=SCRIPTS] input').check();
  assert.equal(await a.allow.innerText(), 'Go on in a window');
  await armed(a.allow);
  const [popup] = await Promise.all([a.context.waitForEvent('page'), a.allow.click()]);
  await popup.getByRole('heading', { name: 'Confirm that it is you' }).waitFor();
  assert.equal(await popup.evaluate(() => opener), null);
  await nothing(a);
  const asked = () => site.state.requests.filter((r) => r.path === '/ask/settled').length;
  await until('it to look', async () => { await a.page.clock.runFor(1100); return asked() > 0; });
  assert.equal(a.answered.over, false);
  site.state.settled = true;
  await until('the end', async () => { await a.page.clock.runFor(1100); return a.answered.over; });
  await a.context.close();
});

test('the window shows what is asked, asks for a press of its own, and no page that opened it holds it', async () => {
  Object.assign(site.state, { decided: [], ticked: [1], shown: question({ choose: true, items: items(['cdn.example.com', 'IMAGES'], ['cdn.example.com', 'SCRIPTS']) }) });
  const context = await stopped(await browser.newContext());
  const page = await context.newPage();
  await page.goto(`${site.origins.ui}/ask/window?as=start`);
  const go = page.locator('[data-annex-sign-in]');
  await go.click({ force: true });
  assert.match(page.url(), /as=start/);
  await armed(go);
  await go.click();
  await page.waitForURL(/as=window/);
  assert.deepEqual(await page.locator('[data-annex-item]').evaluateAll((all) => all.map((b) => b.checked)), [false, true]);
  const allow = page.locator('[data-annex-allow]');
  await allow.click({ force: true });
  await nothing({ page, frame: page });
  await armed(allow);
  await allow.click();
  await page.getByRole('heading', { name: 'Allowed' }).waitFor();
  assert.deepEqual(site.state.decided[0].items, [1]);
  // Opened by a page that keeps a hold on it, it decides nothing.
  site.state.decided = [];
  const [held] = await Promise.all([page.waitForEvent('popup'), page.evaluate((u) => { window.open(u); }, `${site.origins.ui}/ask/window?as=window`)]);
  await held.getByText('was opened by a page that keeps a hold on it').waitFor();
  assert.equal(await held.locator('[data-annex-allow]').count(), 0);
  await held.close();
  await context.close();
  site.state.ticked = null;
});

test('a refusal of the server’s is said, and the app goes on without', async () => {
  const a = await ask();
  site.state.decideProblem = { code: 'ASK_CHANGED', message: 'the app has changed since it asked', fix: 'have it ask again' };
  await armed(a.allow);
  await a.allow.click();
  await a.frame.getByText('the app has changed since it asked').waitFor();
  await a.frame.locator('[data-annex-close]').press('Enter'); // the dialog takes another height meanwhile: a press by place could miss
  await until('the end', () => a.answered.over);
  await a.context.close();
});

// seenHere says that what is in sight now is known to be.
const seenHere = (a) => a.frame.locator('.body').evaluate((b) => {
  const box = b.getBoundingClientRect();
  return [...b.querySelectorAll('.line:not([data-annex-seen]) .sight')].every((m) => { const at = m.getBoundingClientRect(); return at.bottom > box.bottom || at.top < box.top; });
});

// scrolled reads the list as a finger moves it, a part of its height at a time.
async function scrolled(a) {
  await a.page.clock.runFor(700);
  await until('the list to be read', async () => {
    const at = await a.frame.locator('.body').evaluate((b) => b.scrollTop);
    if (await seenHere(a)) await a.frame.locator('.body').evaluate((b, to) => { b.scrollTop = to + b.clientHeight / 3; }, at);
    return a.frame.locator('[data-annex-asked]').evaluate((l) => !l.querySelector('.line:not([data-annex-seen])'));
  });
}

const long = () => question({ items: items(...'abcdefghijkl'.split('').flatMap((h) => [[`${h}.example.com`, 'IMAGES'], [`${h}.example.com`, 'FETCH_BACKEND_SIDE']])), messages: [{ text: 'because '.repeat(30) }] });
const phone = { viewport: { width: 360, height: 640 } };
// shown says whether a line lies within the part that scrolls.
const inSight = (a, line) => a.frame.locator('.body').evaluate((b, n) => {
  const box = b.getBoundingClientRect();
  const at = b.querySelectorAll('[data-annex-asked] .sight')[n].getBoundingClientRect();
  return at.top >= box.top - 1 && at.bottom <= box.bottom + 1;
}, line);

test('a list counts as seen when each of its lines was, wherever somebody jumped', async () => {
  const a = await ask(long(), phone);
  const rest = a.frame.locator('[data-annex-rest]');
  await a.page.clock.runFor(700);
  await rest.waitFor();
  assert.equal(await a.frame.evaluate(() => document.activeElement.textContent), 'Decline');
  // Past the end by a key, to the end by a finger that drags the bar: the middle was in
  // nobody's sight.
  await a.frame.locator('.body').focus();
  await a.page.keyboard.press('End');
  await until('the end', () => a.frame.locator('.body').evaluate((b) => b.scrollTop > 0 && b.scrollTop + b.clientHeight >= b.scrollHeight - 1));
  await a.frame.locator('.sight').last().evaluate((e) => e.scrollIntoView({ block: 'end' }));
  await until('the last line', () => inSight(a, 35));
  await off(a, 'lines that nobody saw count as seen');
  assert.equal(await a.allow.isVisible(), false);
  // The way to what is left is one key, and reading goes on there.
  await rest.focus();
  await a.page.keyboard.press('Enter');
  const focused = () => a.frame.evaluate(() => document.activeElement.classList.contains('line'));
  await until('the reader to be led', focused);
  await until('what is left to be in sight', async () => !(await inSight(a, 35)));
  for (let n = 0; n < 20 && await rest.isVisible(); n++) {
    await rest.click({ timeout: 1000 }).catch(() => {}); // it goes when all was seen
  }
  // The press that showed the last line is no press that allows, nor is one that follows it.
  await until('the button that allows', () => a.allow.isVisible());
  const [x, y] = await middle(a.allow);
  for (let n = 0; n < 3; n++) await a.page.mouse.click(x, y, { delay: 5 });
  await nothing(a);
  await armed(a.allow);
  assert.match(await a.frame.locator('[data-annex-note]').innerText(), /whole list/);
  await a.allow.click();
  await until('the decision', () => a.answered.over);
  assert.equal(site.state.decided[0].items.length, 24);
  await a.context.close();
});

test('who scrolls through a list meets no other button; one that fits needs no scrolling', async () => {
  const a = await ask(long(), phone);
  await a.page.clock.runFor(700);
  await a.frame.locator('[data-annex-rest]').waitFor();
  await scrolled(a);
  await a.decline.focus();
  await armed(a.allow);
  await a.context.close();
  const b = await ask();
  await armed(b.allow);
  assert.equal(await b.frame.locator('[data-annex-rest]').isVisible(), false);
  assert.equal(await b.frame.locator('[data-annex-note]').innerText(), '');
  await b.context.close();
});

test('a long list can be allowed in the window too, on a phone, upright and lying', async () => {
  for (const viewport of [phone.viewport, { width: 640, height: 360 }]) {
    Object.assign(site.state, { decided: [], ticked: null, shown: long() });
    const context = await stopped(await browser.newContext({ viewport }));
    const page = await context.newPage();
    await page.goto(`${site.origins.ui}/ask/window?as=window`);
    const rest = page.locator('[data-annex-rest]');
    await page.locator('[data-annex-decline]').waitFor();
    await page.clock.runFor(700);
    await rest.waitFor();
    await until('the list to be read', async () => { if (await rest.isVisible()) await rest.click({ timeout: 500 }).catch(() => {}); return rest.isHidden(); });
    await page.locator('[data-annex-decline]').focus();
    const allow = page.locator('[data-annex-allow]');
    await armed(allow);
    await allow.click();
    await page.getByRole('heading', { name: 'Allowed' }).waitFor();
    assert.equal(site.state.decided[0].items.length, 24);
    await context.close();
  }
});

test('it reads and works for everybody: by keyboard, dark, narrow, in German', async () => {
  const flat = question({ choose: true, items: items(...types.map((t) => ['cdn.shop.example.com', t])), have: [line('images.example.org', 'IMAGES')] });
  for (const [shown, options] of [[flat, {}], [flat, { colorScheme: 'dark', viewport: { width: 360, height: 640 } }], [question({ items: [remote('https://splunk.corp.example:8088/x', { old: 'https://logs.example.org/', private: true })], environment: 'development' }), { colorScheme: 'dark', locale: 'de-DE' }]]) {
    const a = await ask(shown, options);
    await a.page.clock.resume(); // what looks at the page waits itself
    await a.frame.evaluate(axe);
    const found = await a.frame.evaluate(async () => (await axe.run(document, { rules: { region: { enabled: false } } })).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`));
    assert.deepEqual(found, []);
    assert.ok(await a.frame.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it scrolls sideways');
    if (options.locale) assert.match(await a.frame.locator('main').innerText(), /Eine Entscheidung für Admins von Acme/);
    if (options.viewport) {
      await off(a, 'the list was not seen');
      await scrolled(a);
      await until('the button', async () => {
        if (!(await a.frame.evaluate(() => document.hasFocus()))) await a.decline.focus();
        await a.page.clock.runFor(600);
        return (await a.allow.getAttribute('aria-disabled')) === null;
      });
    }
    const reached = new Set();
    await until('every button to be reached by Tab', async () => {
      await a.page.keyboard.press('Tab');
      reached.add(await a.frame.evaluate(() => Object.keys(document.activeElement?.dataset ?? {})[0]));
      return reached.has('annexAllow') && reached.has('annexDecline') && (!shown.shown.choose || reached.has('annexItem'));
    });
    await a.frame.locator('[data-annex-decline]').focus();
    await a.page.keyboard.press('Escape');
    await until('the end', () => a.answered.over);
    assert.deepEqual(site.state.decided.map((d) => d.approve), [false]);
    await a.context.close();
  }
});
