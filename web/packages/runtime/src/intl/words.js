// Intl.RelativeTimeFormat, ListFormat and DisplayNames.
import { ask, askFor, coerced, config, defineProperty, equip, isObject, localeList, make, matches, option, optionsObject, own, readMatcher, resolve, resolved, Slots, supportedLocalesOf, typeOption, canonical, text } from './host.js';
import { joined, mathematical } from './number.js';

const singular = { __proto__: null };
for (const unit of ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']) singular[unit] = singular[`${unit}s`] = unit;

export function RelativeTimeFormat(locales = undefined, options = undefined) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.RelativeTimeFormat requires 'new'");
  const list = localeList(locales);
  const o = coerced(options);
  readMatcher(o);
  const nu = typeOption(o, 'numberingSystem');
  const r = resolve(list, ['nu'], { nu });
  const s = { __proto__: null, kind: 'RelativeTimeFormat', locale: r.locale, Locale: r.data, NU: r.nu };
  s.Width = option(o, 'style', 'string', ['long', 'short', 'narrow'], 'long');
  s.Numeric = option(o, 'numeric', 'string', ['always', 'auto'], 'always');
  Object.assign(s, { Style: 'decimal', MinInt: 1, MaxFrac: 3, Increment: 1, Grouping: 'auto', Rounding: 'fractionDigits', Mode: 'halfExpand' });
  s.config = config(s);
  return make(new.target, RelativeTimeFormat, s);
}
defineProperty(RelativeTimeFormat, 'length', { value: 0, configurable: true });

function relative(self, method, value, unit) {
  const s = Slots.of(self, 'RelativeTimeFormat', method);
  value = +value;
  unit = `${unit}`;
  const known = singular[unit];
  if (known === undefined) throw new RangeError(`Invalid unit argument for ${method}() '${unit}'`);
  if (!Number.isFinite(value)) throw new RangeError('The number value is not finite');
  return askFor('relative', s.config, mathematical(value), known);
}

equip(RelativeTimeFormat, 'RelativeTimeFormat', {
  resolvedOptions() {
    const s = Slots.of(this, 'RelativeTimeFormat', 'prototype.resolvedOptions');
    return resolved([['locale', s.locale], ['style', s.Width], ['numeric', s.Numeric], ['numberingSystem', s.NU]]);
  },
  format(value, unit) { return joined(relative(this, 'prototype.format', value, unit)); },
  formatToParts(value, unit) { return relative(this, 'prototype.formatToParts', value, unit); },
}, supportedLocalesOf);

export function ListFormat(locales = undefined, options = undefined) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.ListFormat requires 'new'");
  const list = localeList(locales);
  const o = optionsObject(options);
  readMatcher(o);
  const r = resolve(list, [], {});
  const s = { __proto__: null, kind: 'ListFormat', locale: r.locale };
  s.type = option(o, 'type', 'string', ['conjunction', 'disjunction', 'unit'], 'conjunction');
  s.style = option(o, 'style', 'string', ['long', 'short', 'narrow'], 'long');
  s.patterns = askFor('list', r.data, s.type, s.style);
  s.language = r.data;
  return make(new.target, ListFormat, s);
}
defineProperty(ListFormat, 'length', { value: 0, configurable: true });

function strings(iterable) {
  const out = [];
  if (iterable === undefined) return out;
  for (const value of iterable) {
    if (typeof value !== 'string') throw new TypeError('Iterable yielded a value that is no String');
    own(out, out.length, value);
  }
  return out;
}

// In Spanish "y" becomes "e" before the sound of an i, and "o" becomes "u" before an o;
// in Hebrew a hyphen follows the "and" before what is not Hebrew.
function adapt(pattern, language, next) {
  if (language === 'es' || language.startsWith('es-')) {
    if (pattern === '{0} y {1}' && matches(/^(?:h?i(?!a|e)|h?í)/iu, next)) return '{0} e {1}';
    if (pattern === '{0} o {1}' && matches(/^(?:h?[oó]|8|11(?:[^\d]|$|\d{3}(?!\d)))/iu, next)) return '{0} u {1}';
  }
  if ((language === 'he' || language.startsWith('he-')) && pattern === '{0} ו{1}' && !matches(/^\p{Script=Hebrew}/u, next)) return '{0} ו-{1}';
  return pattern;
}

function listParts(s, list) {
  const element = (value) => ({ type: 'element', value });
  if (list.length === 0) return [];
  let parts = [element(list[list.length - 1])];
  if (list.length === 1) return parts;
  const [start, middle, end, two] = s.patterns;
  for (let i = list.length - 2; i >= 0; i--) {
    let pattern = list.length === 2 ? two : i === list.length - 2 ? end : i === 0 ? start : middle;
    if (i === list.length - 2) pattern = adapt(pattern, s.language, list[i + 1]);
    const [before, between, after] = pattern.split(/\{[01]\}/);
    const out = [];
    const literal = (value) => { if (value) own(out, out.length, { type: 'literal', value }); };
    literal(before);
    own(out, out.length, element(list[i]));
    literal(between);
    for (let j = 0; j < parts.length; j++) own(out, out.length, parts[j]);
    literal(after);
    parts = out;
  }
  return parts;
}

equip(ListFormat, 'ListFormat', {
  resolvedOptions() {
    const s = Slots.of(this, 'ListFormat', 'prototype.resolvedOptions');
    return resolved([['locale', s.locale], ['type', s.type], ['style', s.style]]);
  },
  format(list) {
    const s = Slots.of(this, 'ListFormat', 'prototype.format');
    return joined(listParts(s, strings(list)));
  },
  formatToParts(list) {
    const s = Slots.of(this, 'ListFormat', 'prototype.formatToParts');
    return listParts(s, strings(list));
  },
}, supportedLocalesOf);

export function DisplayNames(locales, options) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.DisplayNames requires 'new'");
  const list = localeList(locales);
  if (!isObject(options)) throw new TypeError('Incorrect options provided');
  readMatcher(options);
  const r = resolve(list, [], {});
  const s = { __proto__: null, kind: 'DisplayNames', locale: r.locale, Locale: r.data };
  s.Style = option(options, 'style', 'string', ['narrow', 'short', 'long'], 'long');
  s.Type = option(options, 'type', 'string', ['language', 'region', 'script', 'currency', 'calendar', 'dateTimeField'], undefined);
  if (s.Type === undefined) throw new TypeError('Required option "type" must not be undefined');
  s.fallback = option(options, 'fallback', 'string', ['code', 'none'], 'code');
  const dialect = option(options, 'languageDisplay', 'string', ['dialect', 'standard'], 'dialect');
  if (s.Type === 'language') s.Dialect = dialect;
  s.config = config(s);
  return make(new.target, DisplayNames, s);
}

const dateFields = ['era', 'year', 'quarter', 'month', 'weekOfYear', 'weekday', 'day', 'dayPeriod', 'hour', 'minute', 'second', 'timeZoneName'];

// CanonicalCodeForDisplayNames
function codeFor(type, code) {
  const invalid = () => new RangeError(`Invalid argument to Intl.DisplayNames.prototype.of`);
  switch (type) {
    case 'language':
      if (!matches(/^[a-z]{2,3}(-[a-z]{4})?(-(?:[a-z]{2}|\d{3}))?(-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*$|^[a-z]{5,8}(-[a-z]{4})?(-(?:[a-z]{2}|\d{3}))?(-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*$/i, code)) throw invalid();
      return canonical(code);
    case 'region':
      if (!matches(/^(?:[a-z]{2}|\d{3})$/i, code)) throw invalid();
      return code.toUpperCase();
    case 'script':
      if (!matches(/^[a-z]{4}$/i, code)) throw invalid();
      return code[0].toUpperCase() + code.slice(1).toLowerCase();
    case 'calendar':
      if (!matches(/^[a-z0-9]{3,8}(-[a-z0-9]{3,8})*$/i, code)) throw invalid();
      return code.toLowerCase();
    case 'dateTimeField':
      for (let i = 0; i < dateFields.length; i++) if (dateFields[i] === code) return code;
      throw invalid();
    default:
      if (!matches(/^[a-z]{3}$/i, code)) throw invalid();
      return code.toUpperCase();
  }
}

equip(DisplayNames, 'DisplayNames', {
  of(code) {
    const s = Slots.of(this, 'DisplayNames', 'prototype.of');
    code = codeFor(s.Type, `${code}`);
    return ask('name', s.config, text(code)) || (s.fallback === 'code' ? code : undefined);
  },
  resolvedOptions() {
    const s = Slots.of(this, 'DisplayNames', 'prototype.resolvedOptions');
    return resolved([['locale', s.locale], ['style', s.Style], ['type', s.Type], ['fallback', s.fallback], ['languageDisplay', s.Dialect]]);
  },
}, supportedLocalesOf);
