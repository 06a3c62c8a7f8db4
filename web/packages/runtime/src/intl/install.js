// Intl, and the members of Date, Number, String and their like that stand on it.
import { Collator, collatorSlots, compare } from './collator.js';
import { DateTimeFormat, localeDate } from './date.js';
import { ask, askFor, localeList, text } from './host.js';
import { Locale } from './locale.js';
import { NumberFormat, formatNumber, numberSlots } from './number.js';
import { PluralRules } from './plural.js';
import { Segmenter } from './segmenter.js';
import { DisplayNames, ListFormat, RelativeTimeFormat } from './words.js';

const call = (fn) => Function.prototype.call.bind(fn);
const numberOf = call(Number.prototype.valueOf);
const bigOf = call(BigInt.prototype.valueOf);
const lower = call(String.prototype.toLowerCase);
const upper = call(String.prototype.toUpperCase);

// What is asked for without locales and options is made once, when it is first needed.
let plainNumber;
let plainOrder;

function localeNumber(value, locales, options) {
  if (locales === undefined && options === undefined) return formatNumber((plainNumber ??= numberSlots()), value);
  return formatNumber(numberSlots(locales, options), value);
}

// Of the languages with own rules for case, the one that a list begins with.
function caseLanguage(locales) {
  const [first] = localeList(locales);
  return first === undefined ? '' : first.split('-')[0];
}

// inCase changes a text's case, where the language is one of those by the host.
function inCase(value, locales, usual, name) {
  const own = caseLanguage(locales);
  if (own !== 'tr' && own !== 'az' && own !== 'lt' && own !== 'el') return usual(value);
  let out = '';
  for (let at = 0; at < value.length || at === 0; ) {
    let end = Math.min(at + piece, value.length);
    while (end < value.length && end > at + 1 && !startsCharacter(value, end)) end--;
    out += ask('case', own, name, text(value.slice(at, end)));
    at = end;
    if (at === 0) break;
  }
  return out;
}

// Long texts go to the host in pieces, between characters.
const piece = 1 << 15;
const startsCharacter = (value, at) => !/^[\p{M}\p{Cs}]/u.test(value.slice(at, at + 2)) && !/[\ud800-\udbff]/.test(value[at - 1]);

function thisText(value, name) {
  if (value === undefined || value === null) throw new TypeError(`String.prototype.${name} called on null or undefined`);
  return `${value}`;
}

/** Makes `Intl` and the toLocale… members on a global object. */
export function installIntl(target) {
  const define = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  const Intl = {};
  Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  const members = {
    Collator, DateTimeFormat, DisplayNames, ListFormat, Locale, NumberFormat, PluralRules, RelativeTimeFormat, Segmenter,
    ...{
      getCanonicalLocales(locales) { return localeList(locales); },
      supportedValuesOf(key) { return askFor('values', `${key}`); },
    },
  };
  for (const name of Object.keys(members)) define(Intl, name, members[name]);
  for (const Class of [Collator, DateTimeFormat, DisplayNames, ListFormat, Locale, NumberFormat, PluralRules, RelativeTimeFormat, Segmenter]) {
    define(Class.prototype, 'constructor', Class);
  }
  define(target, 'Intl', Intl);
  const methods = (object, list) => {
    for (const name of Object.keys(list)) {
      Object.defineProperty(list[name], 'length', { value: name === 'localeCompare' ? 1 : 0, configurable: true });
      define(object, name, list[name]);
    }
  };
  methods(target.Date.prototype, {
    toLocaleString(locales, options) { return localeDate(this, locales, options, 'any', 'all'); },
    toLocaleDateString(locales, options) { return localeDate(this, locales, options, 'date', 'date'); },
    toLocaleTimeString(locales, options) { return localeDate(this, locales, options, 'time', 'time'); },
  });
  methods(target.Number.prototype, { toLocaleString(locales, options) { return localeNumber(numberOf(this), locales, options); } });
  methods(target.BigInt.prototype, { toLocaleString(locales, options) { return localeNumber(bigOf(this), locales, options); } });
  methods(target.String.prototype, {
    localeCompare(that, locales, options) {
      const own = thisText(this, 'localeCompare');
      that = `${that}`;
      if (locales === undefined && options === undefined) return compare((plainOrder ??= collatorSlots()), own, that);
      return compare(collatorSlots(locales, options), own, that);
    },
    toLocaleLowerCase(locales) { return inCase(thisText(this, 'toLocaleLowerCase'), locales, lower, 'lower'); },
    toLocaleUpperCase(locales) { return inCase(thisText(this, 'toLocaleUpperCase'), locales, upper, 'upper'); },
  });
  methods(target.Array.prototype, { toLocaleString(locales, options) { return listOf(this, locales, options); } });
  const typed = Object.getPrototypeOf(target.Uint8Array.prototype);
  const lengthOf = call(Object.getOwnPropertyDescriptor(typed, 'length').get);
  methods(typed, {
    toLocaleString(locales, options) {
      lengthOf(this); // it must be one
      return listOf(this, locales, options);
    },
  });
}

const open = new Set();

function listOf(list, locales, options) {
  const from = Object(list);
  if (open.has(from)) return ''; // it contains itself
  open.add(from);
  try {
    let out = '';
    const length = Math.min(Math.max(Math.trunc(Number(from.length)) || 0, 0), Number.MAX_SAFE_INTEGER);
    for (let i = 0; i < length; i++) {
      if (i > 0) out += ',';
      const value = from[i];
      if (value !== undefined && value !== null) out += `${value.toLocaleString(locales, options)}`;
    }
    return out;
  } finally {
    open.delete(from);
  }
}

