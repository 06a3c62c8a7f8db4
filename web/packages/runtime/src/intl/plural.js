// Intl.PluralRules
import { ask, askFor, coerced, config, defineProperty, equip, localeList, make, option, readMatcher, resolve, resolved, Slots, supportedLocalesOf } from './host.js';
import { digitOptions, mathematical, shownDigits, shownRounding } from './number.js';

export function PluralRules(locales = undefined, options = undefined) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.PluralRules requires 'new'");
  const list = localeList(locales);
  const o = coerced(options);
  readMatcher(o);
  const s = { __proto__: null, kind: 'PluralRules' };
  s.Type = option(o, 'type', 'string', ['cardinal', 'ordinal'], 'cardinal');
  s.Notation = option(o, 'notation', 'string', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
  const compactDisplay = option(o, 'compactDisplay', 'string', ['short', 'long'], 'short');
  if (s.Notation === 'compact') s.CompactDisplay = compactDisplay;
  digitOptions(s, o, 0, 3, s.Notation);
  const r = resolve(list, [], {});
  s.locale = r.locale;
  s.Locale = r.data;
  s.NU = 'latn';
  s.Style = 'decimal';
  s.Grouping = 'false';
  s.config = config(s);
  return make(new.target, PluralRules, s);
}
defineProperty(PluralRules, 'length', { value: 0, configurable: true });

equip(PluralRules, 'PluralRules', {
  resolvedOptions() {
    const s = Slots.of(this, 'PluralRules', 'prototype.resolvedOptions');
    return resolved([
      ['locale', s.locale], ['type', s.Type], ['notation', s.Notation], ['compactDisplay', s.CompactDisplay], ...shownDigits(s), ['pluralCategories', askFor('categories', s.config)], ...shownRounding(s),
    ]);
  },
  select(value) {
    const s = Slots.of(this, 'PluralRules', 'prototype.select');
    return ask('plural', s.config, mathematical(+value));
  },
  selectRange(start, end) {
    const s = Slots.of(this, 'PluralRules', 'prototype.selectRange');
    if (start === undefined || end === undefined) throw new TypeError('start or end is undefined');
    const x = +start;
    const y = +end;
    if (x !== x || y !== y) throw new RangeError('start or end is not a number');
    return ask('pluralof', s.config, mathematical(x), mathematical(y));
  },
}, supportedLocalesOf);
