// Small things that several scripts of the shell share.

/** css makes a style sheet without an inline style, which pages' policies refuse. */
export function css(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

/** productOf reads whose token it is, and placeOf for which place. The server decides whether that is true. */
export const productOf = (token) => claim(token, 'iss');
export const placeOf = (token) => claim(token, 'module');

function claim(token, name) {
  try {
    const part = String(token).split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return String(JSON.parse(atob(part))[name] ?? '');
  } catch {
    return '';
  }
}

/** el makes an element: text is always text. */
export function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'class') node.className = v;
    else if (k === 'onclick') node.addEventListener('click', v);
    else node.setAttribute(k, v === true ? '' : v);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

const marks = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u034f]+/gu;

/** clean makes a text of an app fit to stand among our own words: one line, nothing
 * invisible, nothing that turns the direction of reading, no longer than most. */
export function clean(text, most = 200) {
  const chars = [...String(text ?? '').replace(/\s+/gu, ' ').replace(marks, '').replace(/(\p{Mn}{2})\p{Mn}+/gu, '$1').trim()];
  return chars.length > most ? `${chars.slice(0, most).join('')}…` : chars.join('');
}

/** token of 128 bits, for names that nobody else may guess. */
export const unguessable = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
