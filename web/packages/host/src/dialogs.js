// Dialogs in the product's top layer, where no frame of an app can draw: each holds a frame
// of the platform's, which learns what it shows from the frame that asked, not from the page.
import { css, el } from './small.js';

const style = css(`
dialog{border:0;padding:0;background:transparent;max-width:none;max-height:none;width:min(var(--w),calc(100vw - 2rem));height:min(var(--h),calc(100dvh - 2rem));margin:auto;overflow:hidden;border-radius:14px;box-shadow:0 18px 60px #0009}
dialog::backdrop{background:#0e1526a6}
iframe{display:block;width:100%;height:100%;border:0;border-radius:inherit;color-scheme:normal}
@media(max-width:40rem){dialog.app{width:100vw;height:100dvh;border-radius:0}}`);

const sizes = {
  prompt: ['30rem', '20rem'], small: ['26rem', '24rem'], medium: ['40rem', '34rem'], large: ['54rem', '44rem'], xlarge: ['66rem', '52rem'],
  max: ['100vw', '100dvh'], fullscreen: ['100vw', '100dvh'], resizable: ['54rem', '44rem'],
};
// A length has a unit, or is a number of pixels; a share is one of the window's own side.
const length = (v, side) => (typeof v === 'number' && v > 0 && v < 10_000 ? `${v}px` : /^\d{1,4}(\.\d+)?(px|rem|em|vw|vh|%)$/.test(v) ? v.replace('%', side) : null);

export function openDialog({ ui, page, product, theme, dialog }) {
  const host = el('div');
  const root = host.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [style];
  const prompt = dialog.size === 'prompt';
  const frame = el('iframe', { title: dialog.label, referrerpolicy: 'no-referrer', src: `${ui}/shell?product=${encodeURIComponent(product)}` });
  const box = el('dialog', { class: prompt ? 'prompt' : 'app', 'aria-label': dialog.label }, frame);
  const [w, h] = typeof dialog.size === 'object' ? [length(dialog.size?.width, 'vw') ?? '40rem', length(dialog.size?.height, 'vh') ?? '34rem'] : (Object.hasOwn(sizes, dialog.size) ? sizes[dialog.size] : sizes.medium);
  box.style.setProperty('--w', w);
  box.style.setProperty('--h', h);
  root.append(box);
  document.body.append(host);
  const before = document.activeElement;
  let port;
  const end = () => {
    port?.close();
    host.remove();
    before?.focus?.();
  };
  frame.addEventListener('load', () => {
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => {
      if (data?.kind === 'end') end();
      if (data?.kind === 'height' && prompt) box.style.setProperty('--h', `${Math.min(Math.ceil(data.height), 900)}px`);
    };
    frame.contentWindow.postMessage({ annex: 'dialog', page, theme, id: dialog.id }, ui, [channel.port2]);
    frame.focus();
  }, { once: true });
  const asked = (reason) => port?.postMessage({ kind: 'closing', reason });
  box.addEventListener('cancel', (e) => {
    e.preventDefault();
    if (prompt || dialog.escape) asked('escape');
  });
  box.addEventListener('click', (e) => {
    if (e.target === box && (prompt || dialog.overlay)) asked('overlay');
  });
  box.showModal();
}
