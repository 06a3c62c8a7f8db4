// The page on which an admin decides what an app asks for, in the product page's top layer:
// nothing that an app has in the page lies above it, and nothing beside it can be used
// meanwhile. One is shown at a time; dialogs of apps wait for its end.
import { css, el } from './small.js';

const style = css(`
dialog{border:0;padding:0;background:transparent;max-width:none;max-height:none;width:min(36rem,calc(100vw - 1rem));height:min(var(--h,22rem),calc(100dvh - 1rem));margin:auto;overflow:hidden;border-radius:14px;box-shadow:0 18px 60px #0009}
dialog::backdrop{background:#0e1526b8}
iframe{display:block;width:100%;height:100%;border:0;border-radius:inherit;color-scheme:normal}`);

let last = Promise.resolve();
let open = 0;

/** calm waits until no decision is being asked for. */
export const calm = async () => { while (open) await last; };

/**
 * showAsk shows one question and resolves when its page is gone. token asks the product for
 * who is in front of the page, now; still is called with whether the rest of the page rests.
 */
export function showAsk(given) {
  open++;
  const before = last;
  last = before.then(() => show(given)).catch(() => {}).finally(() => { open--; });
  return last;
}

function show({ ui, product, theme, ticket, label, token, still }) {
  return new Promise((resolve) => {
    const host = el('div');
    const root = host.attachShadow({ mode: 'closed' });
    root.adoptedStyleSheets = [style];
    const frame = el('iframe', { title: label, referrerpolicy: 'no-referrer', src: `${ui}/ask/modal?product=${encodeURIComponent(product)}` });
    const box = el('dialog', { 'aria-label': label }, frame);
    root.append(box);
    document.body.append(host);
    const before = document.activeElement;
    let port;
    let taken = 0;
    const moved = () => port?.postMessage({ kind: 'moved' });
    const end = () => {
      removeEventListener('resize', moved);
      port?.close();
      box.close();
      host.remove();
      still(false);
      before?.focus?.();
      resolve();
    };
    frame.addEventListener('load', () => {
      port?.close();
      const channel = new MessageChannel();
      port = channel.port1;
      port.onmessage = async ({ data: m }) => {
        if (m?.kind === 'end') end();
        else if (m?.kind === 'height') box.style.setProperty('--h', `${Math.min(Math.max(Math.ceil(m.height) || 0, 120), 1200)}px`);
        // The frames behind are inert, but a script in one can still take the keyboard: it is
        // taken back, and the page's button waits anew.
        else if (m?.kind === 'lost') setTimeout(() => { if (document.hasFocus() && taken++ < 200) { frame.blur(); frame.focus(); } }, 30);
        else if (m?.kind === 'title') frame.title = String(m.title);
        else if (m?.kind === 'token') channel.port1.postMessage({ kind: 'token', id: m.id, token: await token().catch(() => null) });
      };
      frame.contentWindow.postMessage({ annex: 'ask', ticket, theme }, ui, [channel.port2]);
      frame.focus();
    });
    box.addEventListener('cancel', (e) => {
      e.preventDefault();
      if (port) port.postMessage({ kind: 'closing' });
      else end();
    });
    // Some browsers close a dialog at the second Escape, whatever the page says.
    box.addEventListener('close', end);
    addEventListener('resize', moved);
    still(true);
    box.showModal();
  });
}
