// Flags at the edge of the product's page: an app's words, under the app's name.
import { clean, css, el } from './small.js';

const style = css(`
:host{position:fixed;inset:auto auto 1rem 1rem;z-index:2147483000;display:grid;gap:.6rem;width:min(24rem,calc(100vw - 2rem));font:15px/1.45 system-ui,sans-serif}
.flag{display:grid;grid-template-columns:auto 1fr auto;gap:.2rem .7rem;align-items:start;background:#fff;color:#1b2335;border:1px solid #d9deea;border-left:5px solid #3256c7;border-radius:10px;padding:.8rem .9rem;box-shadow:0 8px 28px #0e152633}
.flag.success{border-left-color:#1d7a4d}.flag.warning{border-left-color:#b97900}.flag.error{border-left-color:#c02a3b}
strong,p,.from,.acts{grid-column:1/3;margin:0;overflow-wrap:anywhere}.from{font-size:.8rem;color:#566075}
button{font:inherit;border:0;background:none;color:#2447b5;cursor:pointer;min-height:32px;padding:0 .3rem;border-radius:6px}
.x{grid-column:3;grid-row:1;color:inherit;width:32px}:focus-visible{outline:3px solid #1f5eff;outline-offset:1px}
@media(prefers-color-scheme:dark){.flag{background:#212938;color:#e8ebf3;border-color:#38445a}.from{color:#a5afc3}button{color:#9db7ff}}
@media(forced-colors:active){.flag{border:1px solid}}`);

let root;
const shown = new Map();

function region() {
  if (root) return root;
  const host = el('div', { 'aria-live': 'polite', role: 'status' });
  root = host.attachShadow({ mode: 'open' });
  root.adoptedStyleSheets = [style];
  document.body.append(host);
  return root;
}

export function showFlag(flag, act) {
  closeFlag(flag.key);
  const type = ['success', 'warning', 'error'].includes(flag.type) ? flag.type : 'info';
  const gone = () => closeFlag(flag.key);
  const box = el('div', { class: `flag ${type}` },
    el('strong', {}, clean(flag.title, 120)),
    el('button', { class: 'x', 'aria-label': flag.dismiss, onclick: gone }, '✕'),
    flag.description ? el('p', {}, clean(flag.description, 400)) : null,
    el('span', { class: 'from' }, clean(flag.from, 120)),
    flag.actions?.length ? el('div', { class: 'acts' }, ...flag.actions.slice(0, 3).map((a, i) => el('button', { onclick: () => { act(i); gone(); } }, clean(a.text, 60)))) : null);
  shown.set(flag.key, box);
  const all = region();
  all.append(box);
  while (all.children.length > 5) all.firstElementChild.remove();
  if (flag.auto) setTimeout(gone, 8000);
}

export function closeFlag(key) {
  shown.get(key)?.remove();
  shown.delete(key);
}
