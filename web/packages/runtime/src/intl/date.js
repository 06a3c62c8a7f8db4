// Intl.DateTimeFormat: options are read here, dates are written by the host.
import { ask, askFor, coerced, config, defineProperty, equip, localeList, make, numberOption, option, readMatcher, resolve, resolved, Slots, supportedLocalesOf, text, typeOption } from './host.js';
import { joined, legacy, nameless, unwrap } from './number.js';

const three = ['narrow', 'short', 'long'];
const two = ['2-digit', 'numeric'];
const styles = ['full', 'long', 'medium', 'short'];
// The fields in the order in which they are read.
const fields = [
  ['weekday', three], ['era', three], ['year', two], ['month', ['2-digit', 'numeric', 'narrow', 'short', 'long']], ['day', two], ['dayPeriod', three],
  ['hour', two], ['minute', two], ['second', two], ['fractionalSecondDigits'], ['timeZoneName', ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric']],
];
// How CLDR's skeletons write them.
const letters = {
  __proto__: null,
  weekday: { narrow: 'EEEEE', short: 'EEE', long: 'EEEE' }, era: { narrow: 'GGGGG', short: 'GGG', long: 'GGGG' }, year: { numeric: 'y', '2-digit': 'yy' },
  month: { numeric: 'M', '2-digit': 'MM', short: 'MMM', long: 'MMMM', narrow: 'MMMMM' }, day: { numeric: 'd', '2-digit': 'dd' }, dayPeriod: { short: 'B', long: 'BBBB', narrow: 'BBBBB' },
  minute: { numeric: 'm', '2-digit': 'mm' }, second: { numeric: 's', '2-digit': 'ss' },
  timeZoneName: { short: 'z', long: 'zzzz', shortOffset: 'O', longOffset: 'OOOO', shortGeneric: 'v', longGeneric: 'vvvv' },
};
const shown = ['weekday', 'era', 'year', 'month', 'day', 'dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits', 'timeZoneName'];

function readFields(o) {
  const f = { __proto__: null };
  let any = false;
  for (let i = 0; i < fields.length; i++) {
    const [name, values] = fields[i];
    f[name] = values ? option(o, name, 'string', values, undefined) : numberOption(o, name, 1, 3, undefined);
    any ||= f[name] !== undefined;
  }
  return [f, any];
}

function addDefaults(f, required, defaults) {
  const date = required !== 'time' && (f.weekday ?? f.year ?? f.month ?? f.day) !== undefined;
  const time = required !== 'date' && (f.dayPeriod ?? f.hour ?? f.minute ?? f.second ?? f.fractionalSecondDigits) !== undefined;
  if (date || time) return;
  if (defaults !== 'time') f.year = f.month = f.day = 'numeric';
  if (defaults !== 'date') f.hour = f.minute = f.second = 'numeric';
}

function skeleton(f, cycle) {
  let out = '';
  for (const name in letters) if (f[name] !== undefined) out += letters[name][f[name]];
  if (f.hour !== undefined) {
    const letter = cycle === 'h11' || cycle === 'h12' ? 'h' : 'H';
    out += f.hour === '2-digit' ? letter + letter : letter;
  }
  return f.fractionalSecondDigits === undefined ? out : out + 'SSS'.slice(0, f.fractionalSecondDigits);
}

// The cycle that hour12 means in a locale.
function cycleOf(hour12, hourCycle, locale) {
  if (hour12 === undefined && hourCycle) return hourCycle;
  const usual = ask('locale', 'hour', locale);
  if (hour12 === undefined) return usual;
  const twelve = usual === 'h11' || usual === 'h12';
  if (hour12 === twelve) return usual;
  if (!hour12) return 'h23';
  return locale === 'ja' || locale.startsWith('ja-') || locale.endsWith('-JP') ? 'h11' : 'h12';
}

/** The slots of a date format. */
export function dateSlots(locales, options, required, defaults) {
  const list = localeList(locales);
  const o = coerced(options);
  readMatcher(o);
  const ca = typeOption(o, 'calendar');
  const nu = typeOption(o, 'numberingSystem');
  const hour12 = option(o, 'hour12', 'boolean', undefined, undefined);
  let hourCycle = option(o, 'hourCycle', 'string', ['h11', 'h12', 'h23', 'h24'], undefined);
  if (hour12 !== undefined) hourCycle = undefined;
  const r = resolve(list, ['ca', 'hc', 'nu'], { ca, nu, hc: hourCycle });
  const s = { __proto__: null, kind: 'DateTimeFormat', locale: r.locale, Locale: r.data, CA: r.ca, NU: r.nu };
  let zone = o.timeZone;
  zone = zone === undefined ? 'UTC' : `${zone}`;
  if (zone === '') throw new RangeError('Invalid time zone specified: ');
  s.Zone = ask('zone', text(zone));
  const [f, explicit] = readFields(o);
  option(o, 'formatMatcher', 'string', ['basic', 'best fit'], 'best fit');
  const dateStyle = option(o, 'dateStyle', 'string', styles, undefined);
  const timeStyle = option(o, 'timeStyle', 'string', styles, undefined);
  if (dateStyle !== undefined || timeStyle !== undefined) {
    if (explicit) throw new TypeError(`Can't set option ${shown.find((name) => f[name] !== undefined)} when ${dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
    if (required === 'date' && timeStyle !== undefined) throw new TypeError('Invalid option : timeStyle');
    if (required === 'time' && dateStyle !== undefined) throw new TypeError('Invalid option : dateStyle');
    s.DateStyle = dateStyle;
    s.TimeStyle = timeStyle;
    if (timeStyle !== undefined) s.Cycle = cycleOf(hour12, hourCycle ?? r.hc, r.data);
  } else {
    addDefaults(f, required, defaults);
    if (f.hour !== undefined) s.Cycle = cycleOf(hour12, hourCycle ?? r.hc, r.data);
    s.Skeleton = skeleton(f, s.Cycle);
    s.fraction = f.fractionalSecondDigits;
  }
  // An hour cycle of the locale's extension that hour12 overrules is not shown.
  if (hour12 !== undefined) s.locale = s.locale.replace(/-u-hc-h\d\d$/, '').replace(/-hc-h\d\d/, '');
  s.config = config(s);
  return s;
}

const timeOf = Function.prototype.call.bind(Date.prototype.getTime);
const now = Date.now;
const replaceAll = Function.prototype.call.bind(String.prototype.replaceAll);

// A date that can be written, as the text of its milliseconds.
function moment(date) {
  const x = date === undefined ? now() : +date;
  if (!(Math.abs(x) <= 8.64e15)) throw new RangeError('Invalid time value');
  return `${Math.trunc(x) + 0}`;
}

/** Writes a date by a format's slots. */
export const formatDate = (s, date) => ask('date', s.config, moment(date));

/** Date.prototype.toLocale…String */
export function localeDate(date, locales, options, required, defaults) {
  const x = timeOf(date);
  if (x !== x) return 'Invalid Date';
  return formatDate(dateSlots(locales, options, required, defaults), x);
}

export function DateTimeFormat(locales = undefined, options = undefined) {
  const made = make(new.target ?? DateTimeFormat, DateTimeFormat, dateSlots(locales, options, 'any', 'date'));
  return legacy(this, DateTimeFormat, new.target, made);
}
defineProperty(DateTimeFormat, 'length', { value: 0, configurable: true });

function range(s, start, end) {
  if (start === undefined || end === undefined) throw new TypeError('startDate or endDate cannot be undefined');
  const x = +start;
  const y = +end;
  return askFor('daterange', s.config, moment(x), moment(y));
}

equip(DateTimeFormat, 'DateTimeFormat', {
  resolvedOptions() {
    const s = unwrap(this, DateTimeFormat, 'DateTimeFormat', 'prototype.resolvedOptions');
    const f = s.Skeleton === undefined ? {} : askFor('datefields', s.config);
    const twelve = s.Cycle === undefined ? undefined : s.Cycle === 'h11' || s.Cycle === 'h12';
    return resolved([
      ['locale', s.locale], ['calendar', s.CA], ['numberingSystem', s.NU], ['timeZone', s.Zone], ['hourCycle', s.Cycle], ['hour12', twelve], ['weekday', f.weekday], ['era', f.era],
      ['year', f.year], ['month', f.month], ['day', f.day], ['dayPeriod', f.dayPeriod], ['hour', f.hour], ['minute', f.minute], ['second', f.second],
      ['fractionalSecondDigits', s.fraction], ['timeZoneName', f.timeZoneName], ['dateStyle', s.DateStyle], ['timeStyle', s.TimeStyle],
    ]);
  },
  formatToParts(date) {
    const s = Slots.of(this, 'DateTimeFormat', 'prototype.formatToParts');
    return askFor('dateparts', s.config, moment(date));
  },
  get format() {
    const s = unwrap(this, DateTimeFormat, 'DateTimeFormat', 'prototype.format');
    return (s.bound ??= nameless((date) => formatDate(s, date)));
  },
  formatRange(startDate, endDate) {
    const parts = range(Slots.of(this, 'DateTimeFormat', 'prototype.formatRange'), startDate, endDate);
    let single = true;
    for (let i = 0; i < parts.length; i++) single &&= parts[i].source === 'shared';
    const out = joined(parts);
    return single ? replaceAll(out, '\u202f', ' ') : out; // what format() would say
  },
  formatRangeToParts(startDate, endDate) {
    return range(Slots.of(this, 'DateTimeFormat', 'prototype.formatRangeToParts'), startDate, endDate);
  },
}, supportedLocalesOf);
