// Comparing text as people sort it: by letters, then accents, then case. Exact for
// Latin text in the root order; other scripts come after Latin, by code point. Locales
// whose alphabet differs from that order are refused by name.
import { canonical, choice } from './data.js';

const what = 'Intl.Collator';
const root = new Set(['en', 'de', 'fr', 'it', 'nl', 'pt', 'id', 'ga', 'sw', 'und']);
const marks = /\p{M}/gu;
const special = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ł: 'l', ı: 'i', ħ: 'h', þ: 'th' };

function languageOf(asked) {
  const list = asked === undefined ? [] : typeof asked === 'string' || !asked?.[Symbol.iterator] ? [asked] : [...asked];
  if (list.length === 0) return 'en-US';
  for (const tag of list) if (root.has(canonical(String(tag)).split('-')[0])) return canonical(String(tag));
  throw new RangeError(`${what}: the locale ${list.map(String).join(', ')} is not supported`);
}

// The order of what is no letter or digit, as the root collation has it.
const signs = '_-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~$';
const blank = /\s/;

function rank(c) {
  if (blank.test(c)) return 1;
  const sign = signs.indexOf(c);
  if (sign >= 0) return 10 + sign;
  if (c >= '0' && c <= '9') return 1000 + c.charCodeAt(0);
  if (c >= 'a' && c <= 'z') return 2000 + c.charCodeAt(0);
  const code = c.codePointAt(0);
  return code < 0x80 ? 500 + code : /\p{L}/u.test(c) ? 10000 + code : 600 + Math.min(code, 0x110000) / 0x110000;
}

export class Collator {
  #locale;
  #numeric;
  #sensitivity;
  #upperFirst;
  #ignorePunctuation;

  constructor(asked, options = undefined) {
    const o = options ?? {};
    this.#locale = languageOf(asked);
    choice(o, 'usage', ['sort', 'search'], 'sort', what);
    this.#sensitivity = choice(o, 'sensitivity', ['base', 'accent', 'case', 'variant'], 'variant', what);
    this.#upperFirst = choice(o, 'caseFirst', ['upper', 'lower', 'false', false], 'false', what) === 'upper';
    this.#numeric = o.numeric === undefined ? /-kn(?!-false)\b/.test(this.#locale) : Boolean(o.numeric);
    this.#ignorePunctuation = Boolean(o.ignorePunctuation);
  }

  get compare() { return (a, b) => this.#compare(String(a), String(b)); }

  #compare(a, b) {
    if (a === b) return 0;
    if (this.#ignorePunctuation) [a, b] = [a, b].map((s) => s.replace(/[\p{P}\s]/gu, ''));
    const x = a.normalize('NFD');
    const y = b.normalize('NFD');
    const base = compareBase(fold(x), fold(y), this.#numeric);
    if (base !== 0 || this.#sensitivity === 'base') return base;
    if (this.#sensitivity !== 'case') {
      const accents = order(accentsOf(x), accentsOf(y));
      if (accents !== 0 || this.#sensitivity === 'accent') return accents;
    }
    const cases = order(casesOf(x), casesOf(y));
    return this.#upperFirst ? -cases : cases;
  }

  resolvedOptions() {
    return { locale: this.#locale, usage: 'sort', sensitivity: this.#sensitivity, ignorePunctuation: this.#ignorePunctuation, collation: 'default', numeric: this.#numeric, caseFirst: this.#upperFirst ? 'upper' : 'false' };
  }
  static supportedLocalesOf(asked) {
    return (asked === undefined ? [] : typeof asked === 'string' ? [asked] : [...asked]).filter((tag) => root.has(canonical(tag).split('-')[0]));
  }
}

const fold = (s) => s.replace(marks, '').toLowerCase().replace(/[ßæœøđłıħþ]/g, (c) => special[c]);
const accentsOf = (s) => s.toLowerCase().replace(/[^\p{M}ßæœøđłıħþ]/gu, '.');
const casesOf = (s) => s.replace(marks, '').replace(/./gsu, (c) => (c !== c.toLowerCase() ? '1' : '0'));
const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function compareBase(a, b, numeric) {
  const x = [...a];
  const y = [...b];
  let i = 0;
  let j = 0;
  while (i < x.length && j < y.length) {
    if (numeric && isDigit(x[i]) && isDigit(y[j])) {
      const m = digitsAt(x, i);
      const n = digitsAt(y, j);
      if (m.value !== n.value) return m.value < n.value ? -1 : 1;
      i = m.end;
      j = n.end;
      continue;
    }
    if (x[i] !== y[j]) {
      const d = rank(x[i]) - rank(y[j]);
      if (d !== 0) return d < 0 ? -1 : 1;
    }
    i++;
    j++;
  }
  return Math.sign(x.length - i - (y.length - j));
}

const isDigit = (c) => c >= '0' && c <= '9';
function digitsAt(list, from) {
  let end = from;
  while (end < list.length && isDigit(list[end])) end++;
  return { value: BigInt(list.slice(from, end).join('')), end };
}
