// A nested page of the shell: one module, under the policy of its installation. Its room is
// known before anything of the app is loaded.
import { ask } from './ask.js';
import { css, el } from './small.js';
import { resolved } from './relay.js';
import { say } from './texts.js';

/** heights by what the manifest asks for; a page takes what its place has. */
export const heights = { small: 160, medium: 360, large: 560, xlarge: 760 };
/** reserve is what is kept for a module that does not say, until it is drawn. */
const reserve = 160;

// While a view loads it may become higher and not lower: what it shows first, a word or nothing,
// is not what it is going to be. It has settled when nothing that it asked for is on its way and its
// height was the same for a moment.
const calm = 700;
const patience = 20_000;

const style = css(':host{display:block}iframe{display:block;width:100%;height:100%;border:0;background:transparent}');

/**
 * nest makes the page and gives `{ element, post, retheme, end }`. hear gets its messages;
 * given is what it is handed with the session. room is how high it was the last time, and settled
 * is called with how high it is when it is drawn.
 */
export function nest({ module, resource, given, theme, hear, session, full, room, settled = () => {} }) {
  const element = el('div', { class: 'nest', 'aria-busy': 'true' });
  // In a closed tree, so that an app's frame finds no other frame by way of its ancestors.
  const root = element.attachShadow({ mode: 'closed' });
  root.adoptedStyleSheets = [style];
  const frame = el('iframe', { title: say('loading', { title: module.title }), referrerpolicy: 'no-referrer' });
  const fixed = heights[module.size];
  let port;
  let over = false;
  let silence;
  let loading = true; // it may become higher only
  let ready = false;
  let waiting = false; // for what it asked for
  let now, wanted, timer, limit;
  // Of the element, where the page around it notices it.
  const size = (px) => {
    now = px;
    element.style.height = full ? '100%' : `${px}px`;
  };
  const settle = () => {
    clearTimeout(timer);
    clearTimeout(limit);
    if (over || !loading) return;
    loading = false;
    if (wanted !== undefined) size(wanted);
    settled(now);
  };
  const wait = () => {
    if (fixed || full) return settle();
    clearTimeout(timer);
    if (!waiting) timer = setTimeout(settle, calm);
    limit ??= setTimeout(settle, patience);
  };
  const unsettle = () => {
    clearTimeout(timer);
    clearTimeout(limit);
    limit = undefined;
    loading = true;
    ready = waiting = false;
  };
  if (full) element.classList.add('full');
  size(fixed ?? room ?? reserve);
  frame.style.colorScheme = resolved(theme);
  root.append(frame);

  frame.addEventListener('load', () => {
    if (over || !frame.src) return;
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => {
      if (typeof data !== 'object' || data === null) return;
      clearTimeout(silence); // it is the page that was meant, not an error of the browser's
      if (data.kind === 'height') {
        if (fixed || full) return;
        wanted = Math.min(Math.max(Math.ceil(data.height), 24), 8000);
        if (!loading || wanted > now) size(wanted);
        if (ready && loading) wait();
      } else if (data.kind === 'loading') unsettle();
      else if (data.kind === 'waiting') {
        waiting = data.on;
        if (ready && loading) wait();
      }
      else if (data.kind === 'ready') {
        frame.title = module.title;
        element.removeAttribute('aria-busy');
        ready = true;
        if (loading) wait();
        hear(data, port);
      }
      else hear(data, port);
    };
    silence = setTimeout(() => fail(null), 8000);
    frame.contentWindow.postMessage({ annex: 'session', session: session(), module, theme: resolved(theme), given }, location.origin, [channel.port2]);
  });

  function fail(error) {
    hear({ kind: 'failed', error }, null);
    settle();
  }

  async function open() {
    unsettle();
    try {
      const { url } = await ask('shell', { module: module.module, ...(resource && { resource }) });
      if (!over) frame.src = url;
    } catch (e) {
      fail(e);
    }
  }
  void open();
  return {
    element,
    open,
    focus: () => frame.focus(),
    post: (m) => port?.postMessage(m),
    retheme(to) {
      frame.style.colorScheme = resolved(to);
      port?.postMessage({ kind: 'theme', theme: resolved(to) });
    },
    end() {
      over = true;
      for (const t of [silence, timer, limit]) clearTimeout(t);
      port?.close();
      element.remove();
    },
  };
}
