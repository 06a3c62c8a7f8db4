// Intl.Collator
import { ask, coerced, config, defineProperty, equip, localeList, make, option, readMatcher, resolve, resolved, Slots, supportedLocalesOf, text, typeOption } from './host.js';
import { nameless } from './number.js';

/** The slots of a collator. */
export function collatorSlots(locales, options) {
  const list = localeList(locales);
  const o = coerced(options);
  const usage = option(o, 'usage', 'string', ['sort', 'search'], 'sort');
  readMatcher(o);
  const co = typeOption(o, 'collation');
  const numeric = option(o, 'numeric', 'boolean', undefined, undefined);
  const kf = option(o, 'caseFirst', 'string', ['upper', 'lower', 'false'], undefined);
  const r = resolve(list, ['co', 'kf', 'kn'], { co, kn: numeric, kf });
  const s = { __proto__: null, kind: 'Collator', locale: r.locale, Locale: r.data, usage, CO: r.co, Numeric: r.kn === 'true', CaseFirst: r.kf };
  s.Sensitivity = option(o, 'sensitivity', 'string', ['base', 'accent', 'case', 'variant'], 'variant');
  s.IgnorePunctuation = option(o, 'ignorePunctuation', 'boolean', undefined, r.data === 'th' || r.data.startsWith('th-'));
  s.config = config(s);
  return s;
}

// Comparing is one piece of work, which no deadline interrupts: texts that are the same
// for so long are the same.
const most = 1 << 16;
const cut = (value) => text(value.length > most ? value.slice(0, most) : value);

/** Compares by a collator's slots. */
export function compare(s, a, b) {
  return a === b ? 0 : +ask('compare', s.config, cut(a), cut(b));
}

export function Collator(locales = undefined, options = undefined) {
  return make(new.target ?? Collator, Collator, collatorSlots(locales, options));
}
defineProperty(Collator, 'length', { value: 0, configurable: true });

equip(Collator, 'Collator', {
  get compare() {
    const s = Slots.of(this, 'Collator', 'prototype.compare');
    return (s.bound ??= nameless((a, b) => compare(s, `${a}`, `${b}`)));
  },
  resolvedOptions() {
    const s = Slots.of(this, 'Collator', 'prototype.resolvedOptions');
    return resolved([
      ['locale', s.locale], ['usage', s.usage], ['sensitivity', s.Sensitivity], ['ignorePunctuation', s.IgnorePunctuation], ['collation', s.CO],
      ['numeric', s.Numeric], ['caseFirst', s.CaseFirst],
    ]);
  },
}, supportedLocalesOf);
