// Dates and times in the few locales of data.js; time zones come from the host.
import { kernel } from '@annex/runtime/kernel';
import { choice, localeOf, locales } from './data.js';

const what = 'Intl.DateTimeFormat';
const dateFields = ['weekday', 'year', 'month', 'day'];
const timeFields = ['hour', 'minute', 'second', 'fractionalSecondDigits'];
const unknown = ['dayPeriod', 'calendar', 'numberingSystem'];

/** @throws {RangeError} for an unknown zone */
function offsetOf(zone, ms) {
  if (zone === 'UTC') return 0;
  const fixed = /^([+-])(\d\d):?(\d\d)?$/.exec(zone);
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3] ?? 0));
  try {
    return kernel.native('tz', zone, ms);
  } catch (cause) {
    throw new RangeError(`Invalid time zone specified: ${zone}`, { cause });
  }
}

export class DateTimeFormat {
  #locale;
  #data;
  #options;
  #zone;
  #hour12;
  #cycle;
  #style; // { dateStyle, timeStyle } or null

  constructor(asked, options = undefined, defaults = 'date') {
    if (options === null) throw new TypeError('Cannot convert undefined or null to object');
    const o = options ?? {};
    this.#locale = localeOf(asked, what);
    this.#data = locales[this.#locale];
    for (const name of unknown) if (o[name] !== undefined && o[name] !== 'gregory' && o[name] !== 'latn') throw new RangeError(`${what}: the option ${name} is not supported`);
    this.#zone = o.timeZone === undefined ? 'UTC' : zoneName(String(o.timeZone));
    offsetOf(this.#zone, 0);
    this.#readHours(o);
    this.#options = this.#readFields(o, defaults);
    this.#template(this.#options); // refuses now what it cannot draw
  }

  #readHours(o) {
    const cycle = choice(o, 'hourCycle', ['h11', 'h12', 'h23', 'h24'], undefined, what);
    if (cycle === 'h11' || cycle === 'h24') throw new RangeError(`${what}: the hour cycle ${cycle} is not supported`);
    this.#hour12 = o.hour12 !== undefined ? Boolean(o.hour12) : cycle ? cycle === 'h12' : this.#data.hour12;
    if (this.#hour12 && !this.#data.periods) throw new RangeError(`${what}: hour12 is not supported in ${this.#locale}`);
    this.#cycle = this.#hour12 ? 'h12' : 'h23';
  }

  #readFields(o, defaults) {
    const dateStyle = choice(o, 'dateStyle', ['full', 'long', 'medium', 'short'], undefined, what);
    const timeStyle = choice(o, 'timeStyle', ['full', 'long', 'medium', 'short'], undefined, what);
    const given = [...dateFields, ...timeFields, 'timeZoneName'].filter((f) => o[f] !== undefined);
    if (dateStyle || timeStyle) {
      if (given.length) throw new TypeError(`Can't set option ${given[0]} when ${dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
      if (dateStyle && !this.#data.styles) throw new RangeError(`${what}: dateStyle is not supported in ${this.#locale}`);
      if (timeStyle === 'full') throw new RangeError(`${what}: timeStyle: "full" is not supported`);
      this.#style = { dateStyle, timeStyle };
      const time = timeStyle && { hour: 'numeric', minute: 'numeric', ...(timeStyle !== 'short' && { second: 'numeric' }), ...(timeStyle === 'long' && { timeZoneName: 'short' }) };
      return { ...(dateStyle && this.#data.styles[dateStyle]), ...time };
    }
    this.#style = null;
    const fields = {
      era: choice(o, 'era', ['short'], undefined, what),
      weekday: choice(o, 'weekday', ['long', 'short'], undefined, what),
      year: choice(o, 'year', ['numeric', '2-digit'], undefined, what),
      month: choice(o, 'month', ['numeric', '2-digit', 'long', 'short'], undefined, what),
      day: choice(o, 'day', ['numeric', '2-digit'], undefined, what),
      hour: choice(o, 'hour', ['numeric', '2-digit'], undefined, what),
      minute: choice(o, 'minute', ['numeric', '2-digit'], undefined, what),
      second: choice(o, 'second', ['numeric', '2-digit'], undefined, what),
      fractionalSecondDigits: choice(o, 'fractionalSecondDigits', [1, 2, 3], undefined, what),
      timeZoneName: choice(o, 'timeZoneName', ['short', 'shortOffset', 'longOffset'], undefined, what),
    };
    const hasDate = dateFields.some((f) => fields[f]);
    const hasTime = timeFields.some((f) => fields[f]);
    const needed = { date: !hasDate && !hasTime, time: !hasDate && !hasTime, all: !hasDate && !hasTime }[defaults];
    const numbers = { year: 'numeric', month: 'numeric', day: 'numeric' };
    const clock = { hour: 'numeric', minute: 'numeric', second: 'numeric' };
    if (defaults === 'date-only' && !hasDate) Object.assign(fields, numbers);
    if (defaults === 'time-only' && !hasTime) Object.assign(fields, clock);
    if (needed && defaults !== 'time') Object.assign(fields, numbers);
    if (needed && defaults !== 'date') Object.assign(fields, clock);
    return fields;
  }

  // #template is the date's and the time's parts as templates, joined.
  #template(o) {
    const refuse = (why) => new RangeError(`${what}: ${why} is not supported in ${this.#locale}`);
    const textual = o.month === 'long' || o.month === 'short';
    if (o.weekday && !this.#data.days) throw refuse('a weekday');
    if (textual && !this.#data.months) throw refuse('a month by name');
    const key = `${o.weekday ? 'W' : ''}${o.year ? 'y' : ''}${o.month ? 'M' : ''}${o.day ? 'd' : ''}`;
    let date = '';
    if (key.length === 1) date = `{${key}}`;
    else if (key) date = (textual ? this.#data.text : this.#data.figures)[key];
    if (date === undefined) throw refuse(`a date of only ${dateFields.filter((f) => o[f]).join(', ')}`);
    if (!this.#data.text && key.length === 1 && o.hour) throw refuse('a date of one field with a time');
    if (!textual && key.endsWith('Md') && (!o.year || o.weekday) && o.month !== o.day) throw refuse('a day and a month of different widths');
    if (key === 'W' && o.hour && (!o.minute || o.second)) throw refuse('a weekday with such a time');
    if (o.era) {
      // The one form that time zone libraries ask for, to take its parts.
      if (this.#locale !== 'en-US' || key !== 'yMd' || textual) throw refuse('an era in such a date');
      date += ' {e}';
    }
    const time = this.#timeTemplate(o, refuse);
    if (!date || !time) return date + time;
    if (key === 'W') return date + (this.#data.weekdayTime ?? ', ') + time;
    const long = this.#style ? this.#style.dateStyle === 'full' || this.#style.dateStyle === 'long' : o.month === 'long';
    const glue = long ? this.#data.together.long : this.#data.together?.short ?? ', ';
    return date + glue + time;
  }

  #timeTemplate(o, refuse) {
    const key = `${o.hour ? 'h' : ''}${o.minute ? 'm' : ''}${o.second ? 's' : ''}`;
    if (key === '') {
      if (o.fractionalSecondDigits) throw refuse('a fraction without seconds');
      if (o.timeZoneName) throw refuse('a time zone without a time');
      return '';
    }
    if (key === 'hs') throw refuse('hours and seconds without minutes');
    let t = { h: '{h}', m: '{m}', s: '{s}', hm: '{h}:{m}', ms: '{m}:{s}', hms: '{h}:{m}:{s}' }[key];
    if (key === 'h' && !this.#hour12) {
      if (!this.#data.text) throw refuse('an hour alone');
      t = this.#data.onlyHour ?? t;
    }
    if (o.fractionalSecondDigits) t += `${this.#data.number.decimal}{f}`;
    if (o.hour && this.#hour12) t += ' {p}';
    if (o.timeZoneName) t += ' {z}';
    return t;
  }

  /** The text's parts: `{ type, value }`. */
  formatToParts(date) {
    const ms = date === undefined ? kernel.now() : Number(date);
    if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) throw new RangeError('Invalid time value');
    const offset = offsetOf(this.#zone, ms);
    const at = new Date(ms + Math.round(offset * 60000));
    const o = this.#options;
    const parts = [];
    for (const piece of this.#template(o).split(/(\{\w\})/)) {
      if (piece === '') continue;
      const letter = /^\{(\w)\}$/.exec(piece)?.[1];
      if (letter) parts.push(this.#part(letter, at, o, offset));
      else if (parts.at(-1)?.type === 'literal') parts.at(-1).value += piece;
      else parts.push({ type: 'literal', value: piece });
    }
    return parts;
  }

  #part(letter, at, o, offset) {
    const two = (n, width) => (width === '2-digit' ? String(n).padStart(2, '0') : String(n));
    const figures = o.month !== 'long' && o.month !== 'short';
    // Some locales pad days and months of whole dates in figures.
    const padded = this.#data.padded && figures && o.month && o.month === o.day;
    switch (letter) {
      case 'W': {
        const alone = !o.year && !o.month && !o.day && !o.hour;
        return { type: 'weekday', value: (alone && o.weekday === 'short' && this.#data.days.alone ? this.#data.days.alone : this.#data.days[o.weekday])[at.getUTCDay()] };
      }
      case 'y': {
        const year = at.getUTCFullYear();
        if (year < 1 && !o.era) throw new RangeError(`${what}: years before 1 are not supported`);
        if (year < 1) return { type: 'year', value: String(1 - year) };
        return { type: 'year', value: o.year === '2-digit' ? String(year % 100).padStart(2, '0') : String(year) };
      }
      case 'M': {
        const month = at.getUTCMonth();
        if (!figures) {
          const alone = !o.year && !o.day && o.month === 'short' && this.#data.months.alone;
          return { type: 'month', value: (alone || this.#data.months[o.month])[month] };
        }
        return { type: 'month', value: two(month + 1, padded || (this.#data.padded && o.year && !o.day) ? '2-digit' : o.month) };
      }
      case 'e': return { type: 'era', value: at.getUTCFullYear() < 1 ? 'BC' : 'AD' };
      case 'd': return { type: 'day', value: two(at.getUTCDate(), padded ? '2-digit' : o.day) };
      case 'h': {
        const hour = at.getUTCHours();
        const shown = this.#hour12 ? hour % 12 || 12 : hour;
        // Where hours have two figures, they keep them unless the widths were mixed by hand.
        const mixed = o.hour === 'numeric' && o.second && (o.second !== 'numeric' || o.minute !== 'numeric');
        return { type: 'hour', value: two(shown, o.hour === '2-digit' || (!this.#hour12 && !mixed) ? '2-digit' : 'numeric') };
      }
      case 'm': return { type: 'minute', value: two(at.getUTCMinutes(), o.hour || o.second ? '2-digit' : 'numeric') };
      case 's': return { type: 'second', value: two(at.getUTCSeconds(), o.minute ? '2-digit' : 'numeric') };
      case 'f': return { type: 'fractionalSecond', value: String(at.getUTCMilliseconds()).padStart(3, '0').slice(0, o.fractionalSecondDigits) };
      case 'p': return { type: 'dayPeriod', value: this.#data.periods[at.getUTCHours() < 12 ? 0 : 1] };
      default: return { type: 'timeZoneName', value: this.#zoneText(o.timeZoneName, offset) };
    }
  }

  #zoneText(form, offset) {
    if (form === 'short') {
      if (this.#zone === 'UTC') return 'UTC';
      throw new RangeError(`${what}: timeZoneName: "short" is not supported for ${this.#zone} (shortOffset is)`);
    }
    if (offset === 0) return 'GMT';
    const minutes = Math.abs(Math.round(offset));
    const hours = Math.floor(minutes / 60);
    const sign = offset < 0 ? '-' : '+';
    if (form === 'longOffset') return `GMT${sign}${String(hours).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
    return `GMT${sign}${hours}${minutes % 60 ? `:${String(minutes % 60).padStart(2, '0')}` : ''}`;
  }

  get format() {
    return (date) => this.formatToParts(date).map((p) => p.value).join('');
  }

  formatRange() { throw new RangeError(`${what}.formatRange is not supported`); }
  formatRangeToParts() { throw new RangeError(`${what}.formatRangeToParts is not supported`); }

  resolvedOptions() {
    const given = Object.fromEntries(Object.entries(this.#options).filter(([, v]) => v !== undefined));
    return {
      locale: this.#locale, calendar: 'gregory', numberingSystem: 'latn', timeZone: this.#zone,
      ...(this.#options.hour && { hourCycle: this.#cycle, hour12: this.#hour12 }),
      ...(this.#style ? Object.fromEntries(Object.entries(this.#style).filter(([, v]) => v)) : given),
    };
  }

  static supportedLocalesOf(asked) { return supported(asked); }
  get [Symbol.toStringTag]() { return what; }
}

function zoneName(zone) {
  const upper = zone.toUpperCase();
  return upper === 'UTC' || upper === 'GMT' || upper === 'ETC/UTC' || upper === 'ETC/GMT' || upper === 'Z' ? 'UTC' : zone;
}

/** Those of a list that are known. */
export function supported(asked) {
  const list = asked === undefined ? [] : typeof asked === 'string' ? [asked] : [...asked];
  return list.filter((tag) => {
    try {
      localeOf(tag, what);
      return true;
    } catch {
      return false;
    }
  });
}
