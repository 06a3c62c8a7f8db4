// Puts the locale-aware members in place of the engine's own, which know no locale and
// so would be silently wrong.
import { Collator } from './collate.js';
import { canonical } from './data.js';
import { DateTimeFormat } from './dates.js';
import { NumberFormat } from './numbers.js';

const dates = (defaults) => function (locales, options) {
  const ms = Date.prototype.getTime.call(this);
  if (Number.isNaN(ms)) return 'Invalid Date';
  if (options && defaults === 'date-only' && options.timeStyle) throw new TypeError('Invalid option : timeStyle');
  if (options && defaults === 'time-only' && options.dateStyle) throw new TypeError('Invalid option : dateStyle');
  return new DateTimeFormat(locales, options, defaults).format(ms);
};

const root = new Collator();
let plain;

/** Makes `Intl` and the toLocale… members on a global object. */
export function installIntl(target) {
  const callable = (Class) => new Proxy(Class, { apply: (_, __, args) => new Class(...args) });
  const Intl = {
    DateTimeFormat: callable(DateTimeFormat),
    NumberFormat: callable(NumberFormat),
    Collator: callable(Collator),
    getCanonicalLocales: (tags) => (tags === undefined ? [] : typeof tags === 'string' ? [tags] : [...tags]).map(canonical),
  };
  Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  const define = (object, name, value) => Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  define(target, 'Intl', Intl);
  define(target.Date.prototype, 'toLocaleString', dates('all'));
  define(target.Date.prototype, 'toLocaleDateString', dates('date-only'));
  define(target.Date.prototype, 'toLocaleTimeString', dates('time-only'));
  function number(locales, options) {
    if (locales === undefined && options === undefined) return (plain ??= new NumberFormat()).format(this.valueOf());
    return new NumberFormat(locales, options).format(this.valueOf());
  }
  define(target.Number.prototype, 'toLocaleString', function toLocaleString(l, o) { return number.call(this, l, o); });
  define(target.BigInt.prototype, 'toLocaleString', function toLocaleString(l, o) { return number.call(this, l, o); });
  define(target.String.prototype, 'localeCompare', function localeCompare(that, locales, options) {
    if (locales === undefined && options === undefined) return root.compare(this, that);
    return new Collator(locales, options).compare(this, that);
  });
}
