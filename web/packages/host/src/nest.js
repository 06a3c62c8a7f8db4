// A nested page of the shell: one module, under the policy of its installation. Its room is
// known before anything of the app is loaded.
import { ask } from './ask.js';
import { css, el } from './small.js';
import { resolved } from './relay.js';
import { say } from './texts.js';

/** heights by what the manifest asks for; a page takes what its place has. */
export const heights = { small: 160, medium: 360, large: 560, xlarge: 760 };

const style = css(':host{display:block}iframe{display:block;width:100%;height:100%;border:0;background:transparent}');

/**
 * nest makes the page and gives `{ element, post, retheme, end }`. hear gets its messages;
 * given is what it is handed with the session.
 */
export function nest({ module, resource, given, theme, hear, session, full, height }) {
  const element = el('div', { class: 'nest', 'aria-busy': 'true' });
  // In a closed tree, so that an app's frame finds no other frame by way of its ancestors.
  const root = element.attachShadow({ mode: 'closed' });
  root.adoptedStyleSheets = [style];
  const frame = el('iframe', { title: say('loading', { title: module.title }), referrerpolicy: 'no-referrer' });
  const fixed = heights[module.size];
  let port;
  let over = false;
  let silence;
  // Of the element, where the page around it notices it.
  const size = (px) => { element.style.height = full ? '100%' : `${px}px`; };
  if (full) element.classList.add('full');
  size(height ?? fixed ?? 120);
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
      if (data.kind === 'height') { if (!fixed && !full && height === undefined) size(Math.min(Math.max(Math.ceil(data.height), 24), 8000)); }
      else if (data.kind === 'ready') { frame.title = module.title; element.removeAttribute('aria-busy'); hear(data, port); }
      else hear(data, port);
    };
    silence = setTimeout(() => hear({ kind: 'failed', error: null }, null), 8000);
    frame.contentWindow.postMessage({ annex: 'session', session: session(), module, theme: resolved(theme), given }, location.origin, [channel.port2]);
  });

  async function open() {
    try {
      const { url } = await ask('shell', { module: module.module, ...(resource && { resource }) });
      if (!over) frame.src = url;
    } catch (e) {
      hear({ kind: 'failed', error: e }, null);
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
      clearTimeout(silence);
      port?.close();
      element.remove();
    },
  };
}
