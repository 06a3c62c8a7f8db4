// /shell/app/TICKET: one module, under the policy of its installation. It holds the session
// and asks the bridge; the app's frame holds a port, and asks this page by a fixed list of
// commands.
import { watchHeight } from '../../bridge/src/height.js';
import { AskError, ask, useSession, whenExpired, passing, patiently } from './ask.js';
import { makeCommands } from './commands.js';
import { connectFrame } from './frame.js';
import { runNative } from './native.js';
import { announce, asker, wear } from './relay.js';
import { el } from './small.js';
import { failure, say, speak } from './texts.js';

const facts = JSON.parse(document.getElementById('facts').textContent);
const main = document.getElementById('app');

// Only the directory, the page of ours that made this one, hands it its session.
addEventListener('message', function meet(e) {
  if (e.source !== parent || parent === self || e.origin !== location.origin || e.data?.annex !== 'session' || e.ports.length !== 1) return;
  removeEventListener('message', meet);
  begin(e.data, e.ports[0]);
});

async function begin({ session: secret, module, theme, given }, port) {
  useSession(secret);
  wear(theme);
  const up = asker((m) => port.postMessage(m));
  const heard = new Set();
  const state = { theme: { colorMode: theme }, given, module, facts };
  port.onmessage = ({ data: m }) => {
    if (typeof m !== 'object' || m === null) return;
    if (m.kind === 'answer') up.hear(m);
    else if (m.kind === 'session') useSession(m.session);
    else if (m.kind === 'theme') { wear(m.theme); state.theme = { colorMode: m.theme }; }
    for (const fn of heard) fn(m);
  };
  port.postMessage({ kind: 'here' });
  whenExpired(() => port.postMessage({ kind: 'expired' }));
  if (given.dialog) {
    addEventListener('keydown', (e) => {
      if (e.key === 'Escape' && !e.defaultPrevented) port.postMessage({ kind: 'escape' });
    });
  }
  const shell = { tell: (m) => port.postMessage(m), ask: (m) => up.ask(m), listen: (fn) => heard.add(fn) };

  if (facts.problem) return show(problem(say('failed', { title: module.title }), say('failedText')));
  let context;
  try {
    ({ context } = await ask('context', { module: facts.module }));
  } catch (e) {
    return show(problem(failure(e, module.title), e.message, () => shell.tell({ kind: 'reopen' })));
  }
  speak(context.locale);
  state.context = context;
  const commands = makeCommands({ state, shell, consent, connect });
  main.removeAttribute('aria-busy');
  if (facts.render === 'native') {
    document.body.classList.add('native');
    await runNative({ main, state, shell, commands, consent, connect, fail: (e) => show(problem(failure(e, module.title), e.message, () => shell.tell({ kind: 'reopen' }))) });
    shell.tell({ kind: 'ready' });
    watchSize(shell);
    return;
  }
  connectFrame({ main, facts, state, shell, commands, title: module.title, ready: () => shell.tell({ kind: 'ready' }) });

  function show(node) {
    document.body.classList.add('native');
    main.removeAttribute('aria-busy');
    main.replaceChildren(node);
    shell.tell({ kind: 'ready' });
    watchSize(shell);
  }

  // consent is asked when the app needs the person to agree first: in a window of its own,
  // of the platform's, never in the app's frame. It resolves to whether the person agreed.
  function consent() {
    return prompted('consent', {
      title: say('consentTitle', { app: module.app }), text: say('consentText'), go: say('review'),
      look: async (open) => {
        const { agreed, url } = await ask('consent', { module: facts.module, ...(open && { open }) });
        return { done: agreed, url };
      },
    });
  }

  // connect is asked when the app needs an account of the person's at another service.
  async function connect({ provider, scopes }) {
    const wanted = Array.isArray(scopes) && scopes.length > 0 ? { scopes: scopes.slice(0, 100).map(String) } : {};
    const look = async (open) => {
      const { connected, url } = await ask('connect', { module: facts.module, provider, ...wanted, ...(open && { open }) });
      return { done: connected, url };
    };
    let name;
    try {
      const now = await patiently(() => ask('connect', { module: facts.module, provider, ...wanted }));
      if (now.connected) return true;
      name = now.name;
    } catch (e) {
      if (passing(e)) announce(e.message);
      return false; // the app asks for what it does not declare
    }
    return prompted('connect', { title: say('connectTitle', { app: module.app, name }), text: say('connectText', { name }), go: say('connect', { name }), look });
  }

  // prompted shows one question at a time beside the app's view; what it leads to happens in
  // a window of the platform's own.
  function prompted(what, { title, text, go, look }) {
    state.consent ??= new Promise((resolve) => {
      const box = el('section', { class: 'consent', 'aria-label': title, 'data-annex-prompt': what });
      const done = (is) => {
        removeEventListener('focus', again);
        box.remove();
        main.classList.remove('covered');
        state.consent = undefined;
        resolve(is);
      };
      const again = async () => {
        const { done: is } = await look(false).catch(() => ({}));
        if (is) done(true);
      };
      const wait = el('p', { class: 'quiet', role: 'status' });
      const review = el('button', { type: 'button', class: 'primary', 'data-annex-prompt-go': what, onclick: async () => {
        try {
          const { url, done: is } = await look(true);
          if (is) return done(true);
          window.open(url, '_blank', 'noopener');
          wait.textContent = say('waiting');
          review.replaceWith(el('button', { type: 'button', class: 'primary', 'data-annex-prompt-again': what, onclick: () => void again() }, say('again')));
          addEventListener('focus', again);
        } catch (e) {
          wait.textContent = e instanceof AskError ? e.message : say('error');
        }
      } }, go);
      box.append(el('h2', {}, title), el('p', {}, text), wait,
        el('div', { class: 'actions' }, el('button', { type: 'button', onclick: () => done(false) }, say('later')), review));
      main.classList.add('covered');
      document.body.append(box);
      shell.tell({ kind: 'height', height: Math.max(box.scrollHeight + 24, 120) });
      shell.tell({ kind: 'waiting', on: false }); // for a person
      announce(title); // a panel does not take the focus from what the person does
    });
    return state.consent;
  }
}

function problem(title, text, again) {
  return el('div', { class: 'state', role: 'alert' }, el('strong', {}, title), el('p', {}, text), again ? el('button', { type: 'button', onclick: again }, say('reload')) : null);
}

function watchSize(shell) {
  let told;
  watchHeight(main, () => {
    // A question that stands in its place told its own height.
    const height = main.classList.contains('covered') ? undefined : Math.ceil(main.getBoundingClientRect().height);
    if (height === told) return;
    told = height;
    if (height !== undefined) shell.tell({ kind: 'height', height });
  });
}
