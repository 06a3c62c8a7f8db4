// What is asked, drawn: who, what of, what there is already, and only then what the app says
// of it. Nothing here is markup of anybody's; every text stands in its own direction.
import { clean, el } from '../small.js';
import { arm } from './arm.js';
import { watch } from './sight.js';
import { say } from './texts.js';

const code = new Set(['SCRIPTS', 'STYLES', 'FRAMES']);
const loads = new Set(['IMAGES', 'MEDIA', 'FONTS']);
const why = { SCRIPTS: 'scriptsWhy', FRAMES: 'framesWhy', STYLES: 'stylesWhy' };
const ltr = (...children) => el('bdi', { dir: 'ltr', class: 'host' }, ...children);

// place writes a destination: the part that somebody had to register stands out, and what a
// star means is said in words. A host is never cut short.
function place(to) {
  if (to.any) return el('span', { class: 'place' }, el('strong', { class: 'any' }, say('any')), el('span', { class: 'what' }, say('anyWhy')));
  const words = [];
  if (to.wild) words.push(say('wild', { host: `.${(to.before ?? '').replace(/^.*\*\./, '')}${to.registrable}` }));
  if (/^(http|ws):/.test(to.domain)) words.push(say('plain'));
  return el('span', { class: 'place' },
    to.registrable ? ltr(to.before || null, el('strong', {}, to.registrable), to.after || null) : ltr(el('strong', {}, to.domain)),
    words.length ? el('span', { class: 'what' }, words.join(' · ')) : null);
}

/** byPlace puts what is asked of one destination together, in the order in which it was asked. */
export function byPlace(items) {
  const out = new Map();
  for (const item of items) {
    const k = JSON.stringify([item.domain, item.group ?? '', item.remote?.key ?? '']);
    if (!out.has(k)) out.set(k, { item, all: [] });
    out.get(k).all.push(item);
  }
  return [...out.values()];
}

/**
 * review draws a question into main and gives what it needs of the page around it:
 * decide({ approve, items, block }) and step(items). far says that this page may decide
 * what reaches far.
 */
export function review(main, { shown, site, product, person }, { decide, step, far = false, ticked = null, close }) {
  const app = clean(shown.app, 80);
  const remote = shown.items.every((i) => i.remote);
  const boxes = new Map();
  const groups = byPlace(shown.items);
  document.title = say('title', { app });

  const list = el('ul', { class: 'asked', 'data-annex-asked': '' });
  for (const { item, all } of groups) {
    const row = el('li', { 'data-annex-destination': item.domain });
    if (item.remote) row.append(...endpoint(item));
    else {
      row.append(place(item));
      const ways = el('ul', { class: 'ways' });
      for (const one of all) ways.append(way(one));
      row.append(ways);
    }
    list.append(row);
  }

  function way(one) {
    const reason = why[one.type] ? say(why[one.type]) : one.any ? null : one.warning;
    const text = el('span', {}, say(one.type), one.broad && !far ? el('span', { class: 'tag' }, say('broad')) : null, reason ? el('span', { class: 'what' }, reason) : null);
    if (!shown.choose) return el('li', { 'data-annex-type': one.type, class: code.has(one.type) ? 'loud' : null }, text);
    const id = `item-${one.index}`;
    const box = el('input', { type: 'checkbox', id, 'data-annex-item': String(one.index) });
    box.checked = ticked ? ticked.includes(one.index) : one.ticked;
    box.addEventListener('change', () => settle());
    boxes.set(one.index, box);
    return el('li', { 'data-annex-type': one.type, class: code.has(one.type) ? 'loud' : null }, box, el('label', { for: id }, text));
  }

  function endpoint(item) {
    const { name, old, private: inside } = item.remote;
    return [
      el('p', { class: 'slot', dir: 'auto' }, clean(name || item.remote.key, 80), item.broad && !far ? el('span', { class: 'tag' }, say('broad')) : null),
      el('dl', { class: 'swap' },
        el('dt', {}, say('now')), el('dd', { 'data-annex-new': '' }, place(item), inside ? el('span', { class: 'what far' }, say('private')) : null),
        el('dt', {}, say('before')), el('dd', { 'data-annex-old': '' }, old ? ltr(old) : say('unset'))),
      old ? el('p', { class: 'what' }, say('swap')) : null,
    ].filter(Boolean);
  }

  const allow = el('button', { type: 'button', class: 'primary', 'data-annex-allow': '' });
  const more = el('button', { type: 'button', class: 'rest', hidden: true, 'data-annex-rest': '' }, say('rest'));
  const refuse = el('button', { type: 'button', 'data-annex-decline': '' }, say('decline'));
  const block = el('input', { type: 'checkbox', id: 'block', 'data-annex-block': '' });
  const note = el('p', { class: 'note', role: 'status', 'data-annex-note': '' });
  const head = el('header', {},
    el('p', { class: 'top' }, mark(), say('top', { site: clean(site, 80) })),
    el('h1', {}, el('bdi', { 'data-annex-app': '' }, app)),
    el('p', { class: 'who' }, el('bdi', { 'data-annex-publisher': '' }, shown.publisher ? say('by', { publisher: clean(shown.publisher, 80) }) : say('unknown')), ' · ', say('version', { version: shown.version }),
      shown.environment ? el('span', { class: 'tag' }, say('development', { environment: clean(shown.environment, 40) })) : null),
    el('p', { class: 'verb' }, say(remote ? 'mayRemote' : 'mayEgress')));
  const body = el('div', { class: 'body', tabindex: '0', role: 'group', 'aria-label': say('title', { app }) }, list,
    shown.items.some((i) => loads.has(i.type)) ? el('p', { class: 'what' }, say('leaks')) : null,
    shown.stepUp && !far ? el('p', { class: 'what far' }, say('always', { product: clean(product, 80) })) : null,
    shown.gone?.length ? lines('gone', say('gone'), shown.gone) : null,
    shown.have.length ? lines('has', `${say('has')} (${shown.have.length})`, shown.have) : el('p', { class: 'what', 'data-annex-has': '' }, say('hasNone')),
    message(shown.messages ?? []),
    el('p', { class: 'what' }, say('later', { app })));
  const actions = el('div', { class: 'actions' }, refuse, more, allow);
  const foot = el('footer', {}, note, actions,
    el('p', { class: 'small' }, el('span', {}, block, el('label', { for: 'block' }, say('block'))), el('bdi', {}, say('as', { person: clean(person, 80), product: clean(product, 80) }))));

  main.removeAttribute('aria-busy');
  main.className = 'review';
  main.replaceChildren(head, body, foot);

  const chosen = () => (shown.choose ? [...boxes].filter(([, b]) => b.checked).map(([i]) => i) : shown.items.map((_, i) => i));
  const reaches = () => !far && (shown.stepUp || chosen().some((i) => shown.items[i].broad));
  let over = false;
  let led = false; // the list did not fit
  let settled = false; // a page that is being drawn is not covered
  const once = (act) => { if (!over) { over = true; act(); } };
  const guard = arm(allow, () => {
    if (reaches()) step(chosen());
    else once(() => decide({ approve: true, items: chosen(), block: false }));
  }, {
    seen: [head, actions],
    changed(holds, asleep) {
      note.textContent = holds.includes('none') ? say('none') : holds.includes('list') ? say('scroll') : holds.length === 0 && led ? say('seen') : holds.includes('covered') && settled ? say('covered') : holds.length === 0 && asleep > 4000 ? say('restless') : '';
    },
  });
  setTimeout(() => { settled = true; lead(); guard.reset(); }, 600);

  // What is allowed has been in sight, each line of it. Until then the button that allows is
  // one that shows the rest; the wait begins when it gives way.
  guard.hold('list', true);
  let left = 0;
  const sight = watch(list.querySelectorAll('.place, .slot, .ways > li, dd, [data-annex-destination] > .what'), (n) => {
    left = n;
    lead();
    guard.hold('list', left > 0);
  });
  more.addEventListener('click', sight.next);
  function lead() {
    if (!settled || more.hidden === (left === 0)) return;
    if (document.activeElement === more) body.focus();
    more.hidden = left === 0;
    allow.hidden = left > 0;
    led = true;
  }

  function settle() {
    guard.hold('none', chosen().length === 0);
    allow.textContent = reaches() ? say('step') : shown.choose ? say('allowSome') : say('allow');
    guard.reset();
  }
  settle();

  // Declining changes nothing, but a key that is held down for something else is no answer.
  arm(refuse, () => once(() => decide({ approve: false, items: [], block: block.checked })), { wait: 300, steady: false });
  refuse.focus();
  if (close) addEventListener('keydown', (e) => { if (e.key === 'Escape' && !e.repeat && e.isTrusted) once(() => decide({ approve: false, items: [], block: block.checked })); });
  return { reset: guard.reset, waiting: (text) => { allow.textContent = say('stepAgain'); note.textContent = text; } };
}

function lines(name, title, all) {
  const list = el('ul', { class: 'asked small' });
  for (const line of all) list.append(el('li', {}, place(line), el('span', { class: 'what' }, line.types.map((t) => say(t)).join(' · '))));
  return el('details', { [`data-annex-${name}`]: '', open: name === 'gone' || all.length <= 3 }, el('summary', {}, title), list);
}

// The app's own words: quoted, plain, short, in one direction of their own.
function message(all) {
  return el('figure', { class: 'message' }, el('figcaption', {}, say('message')),
    ...(all.length ? all.map(({ about, text }) => el('blockquote', { dir: 'auto', 'data-annex-message': '' }, clean(about ? `${about}: ${text}` : text, 300))) : [el('p', { class: 'what' }, say('messageNone'))]));
}

const svg = 'http://www.w3.org/2000/svg';
export function mark() {
  const m = document.createElementNS(svg, 'svg');
  for (const [k, v] of Object.entries({ viewBox: '0 0 24 24', width: '22', height: '22', 'aria-hidden': 'true', class: 'mark' })) m.setAttribute(k, v);
  for (const d of ['M12 2.2 20 5v6.2c0 5-3.3 8.6-8 10.6-4.7-2-8-5.6-8-10.6V5z', 'm8.4 11.9 2.6 2.6 4.7-5']) {
    const p = document.createElementNS(svg, 'path');
    p.setAttribute('d', d);
    m.append(p);
  }
  return m;
}
