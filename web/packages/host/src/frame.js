// The app's own frame: of one origin, given one port for each document that it loads.
import { css, el } from './small.js';
import { say } from './texts.js';

const style = css(':host{display:block;height:100%}iframe{display:block;width:100%;border:0;background:transparent}');
const slow = 15_000;

export function connectFrame({ main, facts, state, shell, commands, title, ready }) {
  const holder = el('div', { class: 'holder' });
  const root = holder.attachShadow({ mode: 'closed' });
  root.adoptedStyleSheets = [style];
  const fixed = state.given.full || state.given.dialog || ['small', 'medium', 'large', 'xlarge', 'max'].includes(facts.size);
  const wait = el('div', { class: 'skeleton', role: 'status' }, say('loading', { title }));
  let port;
  let frame;
  let timer;
  let last = '120px'; // how high it was

  let open = 0; // what the app waits for
  const asks = (by) => {
    const before = open;
    open = Math.max(open + by, 0);
    if (Boolean(before) !== Boolean(open)) shell.tell({ kind: 'waiting', on: open > 0 });
  };

  function load() {
    if (timer) shell.tell({ kind: 'loading' }); // anew
    clearTimeout(timer);
    port?.close();
    // It may run scripts and be an origin of its own, which is not this one; nothing else: no
    // popups, no navigation of what is above it, no modal boxes of the browser's.
    frame = el('iframe', {
      title, sandbox: 'allow-scripts allow-forms allow-same-origin', referrerpolicy: 'no-referrer',
      allow: "camera 'none'; microphone 'none'; geolocation 'none'; display-capture 'none'; fullscreen 'none'",
    });
    frame.style.height = fixed ? '100%' : last;
    frame.style.colorScheme = state.theme.colorMode;
    const mine = frame;
    asks(1 - open); // the document itself is one that is waited for
    frame.addEventListener('load', () => { if (mine === frame) asks(-1); }, { once: true });
    frame.src = facts.document;
    root.replaceChildren(frame);
    wait.textContent = say('loading', { title });
    wait.hidden = false;
    timer = setTimeout(() => {
      wait.replaceChildren(say('slow'), ' ', el('button', { type: 'button', onclick: load }, say('reload')));
    }, slow);
  }

  // A document of the app says hello; it gets a port, and the document before it loses its own.
  addEventListener('message', (e) => {
    if (e.source !== frame?.contentWindow || e.origin !== facts.origin || e.data?.annex !== 'hello') return;
    clearTimeout(timer);
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    serve(port);
    frame.contentWindow.postMessage({ annex: 'port' }, facts.origin, [channel.port2]);
    wait.hidden = true;
    if (state.given.dialog) frame.focus();
    ready();
  });

  function serve(to) {
    to.onmessage = async ({ data }) => {
      const { id, command } = data ?? {};
      if (!Number.isSafeInteger(id) || typeof command !== 'string') return;
      const reply = (m) => {
        if (to !== port) return;
        asks(-1);
        to.postMessage({ id, ...m });
      };
      asks(1);
      try {
        reply({ result: await commands.run(command, data.payload) });
      } catch (e) {
        reply({ error: typeof e?.wire === 'function' ? e.wire() : { name: 'Error', message: say('error'), code: 'INTERNAL' } });
      }
    };
  }

  commands.attach({
    resize(height) {
      if (fixed) return;
      const px = Math.min(Math.max(Math.ceil(height), 24), 8000);
      frame.style.height = last = `${px}px`;
      shell.tell({ kind: 'height', height: px });
    },
    reload: load,
    event: (event, payload) => port?.postMessage({ event, payload }),
  });
  shell.listen((m) => {
    if (m.kind === 'theme') frame.style.colorScheme = m.theme;
  });
  main.append(wait, holder);
  load();
}
