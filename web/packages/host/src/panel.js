// The list of apps in one place.
import { watchHeight } from '../../bridge/src/height.js';
import { AskError, ask, session, useSession, whenExpired } from './ask.js';
import { roomOf } from './room.js';
import { clean, el, unguessable } from './small.js';
import { nest } from './nest.js';
import { announce, asker, wear } from './relay.js';
import { failure, say, speak } from './texts.js';

export function runPanel({ facts, given, port }) {
  const main = document.getElementById('apps');
  const nests = new Map(); // module → nest
  const host = asker((m) => port.postMessage(m));
  let theme = given.theme;
  let about;
  let token = given.token;
  let renewal;
  const channels = new Set(); // of dialogs that are open

  port.onmessage = ({ data: m }) => {
    if (typeof m !== 'object' || m === null) return;
    if (m.kind === 'answer') host.hear(m);
    if (m.kind === 'token' && typeof m.token === 'string') { token = m.token; void open(); }
    if (m.kind === 'theme') {
      theme = m.theme;
      wear(theme);
      for (const n of nests.values()) n.retheme(theme);
    }
    if (m.kind === 'flagAction') [...nests.values()].forEach((n) => n.post(m));
    if (m.kind === 'history') [...nests.values()].forEach((n) => n.post(m));
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    wear(theme);
    for (const n of nests.values()) n.retheme(theme);
  });
  whenExpired(() => port.postMessage({ kind: 'expired' }));
  let told;
  const look = () => {
    const height = document.body.scrollHeight;
    if (height !== told) port.postMessage({ kind: 'height', height: (told = height) });
  };
  // Until the apps are known the page around keeps what room it thinks right.
  let watched = given.full;
  const watch = () => {
    if (watched) return look();
    watched = true;
    watchHeight(document.body, look);
  };
  const busy = new Set(); // modules whose views load
  const views = {}; // module → its height when it had settled
  const settled = (module, height) => {
    if (height !== undefined) views[module] = height;
    if (!busy.delete(module) || busy.size) return;
    rest(views);
  };
  const rest = (of) => {
    if (!given.full) look();
    port.postMessage({ kind: 'settled', views: of });
  };

  async function open() {
    let got;
    try {
      got = await ask('session', { panel: token }, { open: true, renew: true });
    } catch (e) {
      if (about) return; // what is shown stays; its next question fails by itself
      problem(e);
      return;
    }
    useSession(got.token);
    for (const n of nests.values()) n.post({ kind: 'session', session: got.token });
    for (const c of channels) c.postMessage({ to: 'dialog', kind: 'session', session: got.token });
    clearTimeout(renewal); // before it is over: what was opened by it goes on
    renewal = setTimeout(() => port.postMessage({ kind: 'expired' }), Math.max(got.expiresIn - 60, 30) * 1000);
    if (got.about === about) return;
    about = got.about;
    speak(got.locale);
    show(got.modules);
  }

  function state(name, modules) {
    port.postMessage({ kind: 'state', state: name, modules: modules?.map((m) => ({ title: m.title, app: m.app, type: m.type, state: m.state })) });
  }

  function problem(e) {
    main.removeAttribute('aria-busy');
    main.replaceChildren(el('section', { class: 'card', role: 'alert' }, el('h2', {}, say('error')), el('p', {}, e instanceof AskError ? e.message : say('failedText')), e.fix ? el('p', { class: 'quiet' }, e.fix) : null));
    state('error');
    if (!given.full) watch();
    rest(null);
  }

  function show(modules) {
    for (const n of nests.values()) n.end();
    nests.clear();
    busy.clear();
    main.removeAttribute('aria-busy');
    const seen = modules.filter((m) => m.render !== '' || m.state === 'blocked');
    const titles = seen.map((m) => m.title).join(', ');
    port.postMessage({ kind: 'title', title: seen.length ? say('apps', { titles }) : say('none') });
    document.title = seen.length ? titles : say('none');
    document.body.classList.toggle('page', given.full);
    if (!seen.length) main.replaceChildren(el('p', { class: 'none' }, say('none')));
    else if (seen[0].show === 'action') main.replaceChildren(actions(seen));
    else if (given.full) main.replaceChildren(...tabs(seen));
    else main.replaceChildren(...seen.map((m) => section(m)));
    state(seen.length ? 'ready' : 'empty', seen);
    if (!given.full) watch(); // how high it is comes after whether it is there at all
    if (!busy.size) rest(views);
  }

  const heading = (m) => el('header', {}, m.icon ? el('img', { src: m.icon, alt: '', width: '20', height: '20' }) : null, el('h2', {}, m.title), m.app !== m.title ? el('span', { class: 'from' }, say('by', { app: m.app })) : null,
    m.environment ? el('span', { class: 'tag', title: say('development') }, m.environment) : null);

  function section(m) {
    const box = el('section', { class: m.show === 'inline' ? 'inline' : 'card', 'aria-label': m.title });
    if (m.show !== 'inline') box.append(heading(m));
    box.append(m.state === 'blocked' ? blocked(m) : framed(m));
    return box;
  }

  const blocked = (m) => el('div', { class: 'state' }, el('strong', {}, say('blockedTitle', { title: m.title })), el('p', {}, say('blocked')));

  // tabs: arrow keys move, and each app is made when it is first looked at.
  function tabs(all) {
    const stage = el('div', { class: 'stage' });
    const pick = (m) => {
      for (const c of stage.children) c.hidden = c.dataset.module !== m.module;
      if (![...stage.children].some((c) => c.dataset.module === m.module)) {
        const one = el('div', { class: 'view', role: all.length > 1 ? 'tabpanel' : null, 'aria-label': m.title }, m.state === 'blocked' ? blocked(m) : framed(m, { full: true }));
        one.dataset.module = m.module;
        stage.append(one);
      }
    };
    if (all.length === 1) {
      pick(all[0]);
      return [stage];
    }
    const list = el('div', { role: 'tablist', class: 'tabs', 'aria-label': say('apps', { titles: '' }) });
    const choose = (i, focus) => {
      [...list.children].forEach((t, n) => {
        t.setAttribute('aria-selected', String(n === i));
        t.tabIndex = n === i ? 0 : -1;
      });
      if (focus) list.children[i].focus();
      pick(all[i]);
    };
    all.forEach((m, i) => list.append(el('button', { role: 'tab', type: 'button', onclick: () => choose(i) }, m.title)));
    list.addEventListener('keydown', (e) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (by) choose((all.findIndex((_, n) => list.children[n].getAttribute('aria-selected') === 'true') + by + all.length) % all.length, true);
    });
    choose(0);
    return [list, stage];
  }

  function actions(all) {
    return el('div', { class: 'actions', role: 'group', 'aria-label': say('actions') }, ...all.map((m) =>
      el('button', { type: 'button', disabled: m.state === 'blocked', title: m.state === 'blocked' ? say('blocked') : say('by', { app: m.app }), onclick: () => openDialog({ what: 'modal', module: m, size: m.size ?? 'medium', escape: true, overlay: false, title: m.title, given: {} }) }, m.title)));
  }

  function framed(m, { full = false } = {}) {
    const room = roomOf(given.room?.[m.module]);
    busy.add(m.module);
    const n = nest({
      module: m, given: { page: given.page, path: given.path, full }, theme, session, full, room, hear: (msg) => hear(m, msg, (answer) => n.post(answer)),
      settled: (height) => settled(m.module, height),
    });
    nests.set(m.module, n);
    return n.element;
  }

  // hear is what an app's page of the shell may ask of this one. Whatever it passes on is
  // named after the module, so that no app speaks for another.
  async function hear(m, msg, reply) {
    const answer = (result) => msg.id !== undefined && reply({ kind: 'answer', id: msg.id, result });
    switch (msg.kind) {
      case 'ready':
        announce(m.title);
        break;
      case 'failed': {
        const n = nests.get(m.module);
        n?.element.replaceWith(el('div', { class: 'state', role: 'alert' }, el('strong', {}, failure(msg.error, m.title)), el('p', {}, msg.error?.message ?? say('failedText'))));
        break;
      }
      case 'reopen':
        void nests.get(m.module)?.open();
        break;
      case 'expired':
        void ask('consent', { module: m.module }).catch(() => {}); // finds out, and asks for another session once
        break;
      case 'flag':
        port.postMessage({ kind: 'flag', flag: { ...msg.flag, key: `${m.module} ${msg.flag.id}`, from: say('by', { app: m.app }), dismiss: say('dismiss') } });
        answer(true);
        break;
      case 'closeFlag':
        port.postMessage({ kind: 'closeFlag', key: `${m.module} ${msg.flag}` });
        answer(true);
        break;
      case 'dialog':
        answer(openDialog({ ...msg.dialog, module: m }, (closed) => reply({ kind: 'dialogClosed', dialog: msg.dialog.name, payload: closed })));
        break;
      case 'ask': // an admin decides in a page of the platform's, above all that is here
        answer(await host.ask({ kind: 'ask', ticket: String(msg.ticket), label: say('asks', { app: m.app }) }));
        break;
      case 'submit':
      case 'close':
        answer(await host.ask({ kind: msg.kind, value: msg.value, type: m.type }));
        break;
      case 'navigate':
        answer(await host.ask({ kind: 'navigate', to: msg.to, place: msg.place, tab: msg.tab, ask: msg.ask }));
        break;
      case 'refresh':
      case 'history':
        port.postMessage({ ...msg, id: undefined });
        answer(true);
        break;
      case 'windowTitle':
        port.postMessage({ kind: 'windowTitle', title: `${clean(msg.title, 120)} · ${m.app}` });
        answer(true);
        break;
      default:
    }
  }

  // openDialog has the product's page open a frame of ours in its top layer, and tells that
  // frame what it shows over a channel whose name only the two know.
  function openDialog(dialog, closed = () => {}) {
    const id = unguessable();
    const channel = new BroadcastChannel(`annex-dialog-${id}`);
    channels.add(channel);
    channel.onmessage = ({ data: msg }) => {
      if (msg?.to !== 'opener') return;
      if (msg.kind === 'begin') {
        channel.postMessage({ to: 'dialog', kind: 'show', session: session(), dialog: { ...dialog, page: given.page }, locale: document.documentElement.lang });
      } else if (msg.kind === 'ended') {
        channels.delete(channel);
        channel.close();
        closed(msg.payload);
        if (dialog.what === 'modal' && dialog.module.show === 'action') nests.get(dialog.module.module)?.post({ kind: 'refresh' });
      } else if (msg.kind === 'relay') {
        void hear(dialog.module, msg.message, (answer) => channel.postMessage({ to: 'dialog', kind: 'relayed', answer }));
      }
    };
    port.postMessage({ kind: 'dialog', dialog: { id, size: dialog.what === 'link' ? 'prompt' : dialog.size, label: clean(dialog.title || dialog.module.title, 120), escape: dialog.escape !== false, overlay: dialog.overlay !== false } });
    return id;
  }

  void open();
}
