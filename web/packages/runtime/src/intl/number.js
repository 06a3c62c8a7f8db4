// Intl.NumberFormat: options are read here, numbers are written by the host.
import { ask, askFor, bounded, check, coerced, config, defineProperty, equip, isObject, localeList, make, matches, numberOption, option, readMatcher, resolve, resolved, Slots, supportedLocalesOf, typeOption } from './host.js';

const increments = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000];
const modes = ['ceil', 'floor', 'expand', 'trunc', 'halfCeil', 'halfFloor', 'halfExpand', 'halfTrunc', 'halfEven'];
let units; // the names of simple units, when they are first needed

/** SetNumberFormatDigitOptions */
export function digitOptions(s, o, leastDefault, mostDefault, notation) {
  s.MinInt = numberOption(o, 'minimumIntegerDigits', 1, 21, 1);
  let leastFraction = o.minimumFractionDigits;
  let mostFraction = o.maximumFractionDigits;
  const leastSignificant = o.minimumSignificantDigits;
  const mostSignificant = o.maximumSignificantDigits;
  s.Increment = numberOption(o, 'roundingIncrement', 1, 5000, 1);
  check(increments, s.Increment, 'roundingIncrement');
  s.Mode = option(o, 'roundingMode', 'string', modes, 'halfExpand');
  const priority = option(o, 'roundingPriority', 'string', ['auto', 'morePrecision', 'lessPrecision'], 'auto');
  s.Trailing = option(o, 'trailingZeroDisplay', 'string', ['auto', 'stripIfInteger'], 'auto');
  if (s.Increment !== 1) mostDefault = leastDefault;
  const hasSignificant = leastSignificant !== undefined || mostSignificant !== undefined;
  const hasFraction = leastFraction !== undefined || mostFraction !== undefined;
  let needSignificant = true;
  let needFraction = true;
  if (priority === 'auto') {
    needSignificant = hasSignificant;
    if (needSignificant || (!hasFraction && notation === 'compact')) needFraction = false;
  }
  if (needSignificant) {
    s.MinSig = hasSignificant ? bounded(leastSignificant, 'minimumSignificantDigits', 1, 21, 1) : 1;
    s.MaxSig = hasSignificant ? bounded(mostSignificant, 'maximumSignificantDigits', s.MinSig, 21, 21) : 21;
  }
  if (needFraction) {
    if (hasFraction) {
      leastFraction = bounded(leastFraction, 'minimumFractionDigits', 0, 100, undefined);
      mostFraction = bounded(mostFraction, 'maximumFractionDigits', 0, 100, undefined);
      if (leastFraction === undefined) leastFraction = Math.min(leastDefault, mostFraction);
      else if (mostFraction === undefined) mostFraction = Math.max(mostDefault, leastFraction);
      else if (leastFraction > mostFraction) throw new RangeError('maximumFractionDigits value is out of range.');
    }
    s.MinFrac = hasFraction ? leastFraction : leastDefault;
    s.MaxFrac = hasFraction ? mostFraction : mostDefault;
  }
  s.priority = priority;
  if (!needSignificant && !needFraction) {
    s.MinFrac = s.MaxFrac = 0;
    s.MinSig = 1;
    s.MaxSig = 2;
    s.Rounding = s.priority = 'morePrecision';
  } else if (priority !== 'auto') s.Rounding = priority;
  else s.Rounding = hasSignificant ? 'significantDigits' : 'fractionDigits';
  if (s.Increment !== 1) {
    if (s.Rounding !== 'fractionDigits') throw new TypeError('roundingIncrement needs rounding by fraction digits');
    if (s.MaxFrac !== s.MinFrac) throw new RangeError('roundingIncrement needs equal numbers of fraction digits');
  }
}

/** What resolvedOptions shows of the digits. */
export const shownDigits = (s) => [
  ['minimumIntegerDigits', s.MinInt], ['minimumFractionDigits', s.MinFrac], ['maximumFractionDigits', s.MaxFrac],
  ['minimumSignificantDigits', s.MinSig], ['maximumSignificantDigits', s.MaxSig],
];
export const shownRounding = (s) => [
  ['roundingIncrement', s.Increment], ['roundingMode', s.Mode], ['roundingPriority', s.priority], ['trailingZeroDisplay', s.Trailing],
];

function wellFormedUnit(unit) {
  units ??= askFor('values', 'unit');
  const simple = (name) => {
    for (let i = 0; i < units.length; i++) if (units[i] === name) return true;
    return false;
  };
  if (simple(unit)) return true;
  const at = unit.indexOf('-per-');
  return at > 0 && simple(unit.slice(0, at)) && simple(unit.slice(at + 5));
}

function unitOptions(s, o) {
  s.Style = option(o, 'style', 'string', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
  const currency = option(o, 'currency', 'string', undefined, undefined);
  if (currency === undefined) {
    if (s.Style === 'currency') throw new TypeError('Currency code is required with currency style.');
  } else if (!matches(/^[a-z]{3}$/i, currency)) throw new RangeError(`Invalid currency code : ${currency}`);
  const currencyDisplay = option(o, 'currencyDisplay', 'string', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol');
  const currencySign = option(o, 'currencySign', 'string', ['standard', 'accounting'], 'standard');
  const unit = option(o, 'unit', 'string', undefined, undefined);
  if (unit === undefined) {
    if (s.Style === 'unit') throw new TypeError('Required unit is missing for Intl.NumberFormat() with style "unit".');
  } else if (!wellFormedUnit(unit)) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'`);
  const unitDisplay = option(o, 'unitDisplay', 'string', ['short', 'narrow', 'long'], 'short');
  if (s.Style === 'currency') {
    s.Currency = currency.toUpperCase();
    s.CurrencyDisplay = currencyDisplay;
    s.CurrencySign = currencySign;
  }
  if (s.Style === 'unit') {
    s.Unit = unit;
    s.UnitDisplay = unitDisplay;
  }
}

function grouping(o, otherwise) {
  let value = o.useGrouping;
  if (value === undefined) return otherwise;
  if (value === true) return 'always';
  if (!value) return 'false';
  value = `${value}`;
  if (value === 'true' || value === 'false') return otherwise;
  check(['min2', 'auto', 'always'], value, 'useGrouping');
  return value;
}

/** The slots of a number format. */
export function numberSlots(locales, options) {
  const list = localeList(locales);
  const o = coerced(options);
  readMatcher(o);
  const nu = typeOption(o, 'numberingSystem');
  const r = resolve(list, ['nu'], { nu });
  const s = { __proto__: null, kind: 'NumberFormat', locale: r.locale, Locale: r.data, NU: r.nu };
  unitOptions(s, o);
  s.Notation = option(o, 'notation', 'string', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
  const digits = s.Style === 'currency' && s.Notation === 'standard' ? Number(ask('currency', s.Currency)) : undefined;
  digitOptions(s, o, digits ?? 0, digits ?? (s.Style === 'percent' ? 0 : 3), s.Notation);
  const compactDisplay = option(o, 'compactDisplay', 'string', ['short', 'long'], 'short');
  if (s.Notation === 'compact') s.CompactDisplay = compactDisplay;
  s.Grouping = grouping(o, s.Notation === 'compact' ? 'min2' : 'auto');
  s.SignDisplay = option(o, 'signDisplay', 'string', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto');
  s.config = config(s);
  return s;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;

/** ToIntlMathematicalValue, as a text. */
export function mathematical(value) {
  if (typeof value === 'number') return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
  if (isObject(value)) value = toPrimitive(value);
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'string') {
    const trimmed = value.trim();
    if (matches(decimal, trimmed)) return trimmed;
  }
  value = Number(value);
  return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
}

// A value's own idea of a number: what arithmetic would take, be it a big integer or a text.
function toPrimitive(value) {
  const exotic = value[Symbol.toPrimitive];
  if (exotic !== undefined && exotic !== null) {
    const out = Reflect.apply(exotic, value, ['number']);
    if (isObject(out)) throw new TypeError('Cannot convert object to primitive value');
    return out;
  }
  for (const name of ['valueOf', 'toString']) {
    const fn = value[name];
    if (typeof fn !== 'function') continue;
    const out = Reflect.apply(fn, value, []);
    if (!isObject(out)) return out;
  }
  throw new TypeError('Cannot convert object to primitive value');
}

/** Writes a number by a format's slots. */
export const formatNumber = (s, value) => ask('number', s.config, mathematical(value));

/** The object that `Intl.NumberFormat.call(object)` hid its slots in; there for old code. */
export const fallback = Symbol('IntlLegacyConstructedSymbol');

/** Makes what `Class(…)` without `new` returns: for old code, on an instance made by hand. */
export function legacy(self, Class, newTarget, made) {
  if (newTarget === undefined && isInstance(Class, self)) {
    defineProperty(self, fallback, { value: made, writable: false, enumerable: false, configurable: false });
    return self;
  }
  return made;
}

const isInstance = (Class, value) => isObject(value) && Reflect.apply(Function.prototype[Symbol.hasInstance], Class, [value]);

export function unwrap(object, Class, kind, method) {
  if (Slots.kindOf(object) !== kind && isInstance(Class, object)) object = object[fallback];
  return Slots.of(object, kind, method);
}

export function NumberFormat(locales = undefined, options = undefined) {
  const made = make(new.target ?? NumberFormat, NumberFormat, numberSlots(locales, options));
  return legacy(this, NumberFormat, new.target, made);
}
defineProperty(NumberFormat, 'length', { value: 0, configurable: true });

function ends(start, end) {
  if (start === undefined || end === undefined) throw new TypeError('start or end is undefined');
  return [mathematical(start), mathematical(end)];
}



equip(NumberFormat, 'NumberFormat', {
  resolvedOptions() {
    const s = unwrap(this, NumberFormat, 'NumberFormat', 'resolvedOptions');
    const useGrouping = s.Grouping === 'false' ? false : s.Grouping;
    return resolved([
      ['locale', s.locale], ['numberingSystem', s.NU], ['style', s.Style], ['currency', s.Currency], ['currencyDisplay', s.CurrencyDisplay], ['currencySign', s.CurrencySign],
      ['unit', s.Unit], ['unitDisplay', s.UnitDisplay], ...shownDigits(s), ['useGrouping', useGrouping], ['notation', s.Notation], ['compactDisplay', s.CompactDisplay],
      ['signDisplay', s.SignDisplay], ...shownRounding(s),
    ]);
  },
  formatToParts(value) {
    const s = Slots.of(this, 'NumberFormat', 'prototype.formatToParts');
    return askFor('parts', s.config, mathematical(value));
  },
  formatRange(start, end) {
    const s = Slots.of(this, 'NumberFormat', 'prototype.formatRange');
    return joined(askFor('range', s.config, ...ends(start, end)));
  },
  formatRangeToParts(start, end) {
    const s = Slots.of(this, 'NumberFormat', 'prototype.formatRangeToParts');
    return askFor('range', s.config, ...ends(start, end));
  },
  get format() {
    const s = unwrap(this, NumberFormat, 'NumberFormat', 'prototype.format');
    return (s.bound ??= nameless((value) => formatNumber(s, value)));
  },
}, supportedLocalesOf);

/** A bound function has no name. */
export function nameless(fn) {
  return defineProperty(fn, 'name', { value: '', configurable: true });
}

/** The text of parts. */
export function joined(parts) {
  let out = '';
  for (let i = 0; i < parts.length; i++) out += parts[i].value;
  return out;
}

