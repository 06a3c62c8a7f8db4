// Intl.Locale
import { ask, askFor, canonical, coerced, equip, found, isObject, make, matches, option, resolved, Slots, text, typeOption } from './host.js';

const language = /^(?:[a-z]{2,3}|[a-z]{5,8})$/i;
const variant = '(?:[a-z0-9]{5,8}|\\d[a-z0-9]{3})';
const base = new RegExp(`^([a-z]{2,3}|[a-z]{5,8})(?:-([a-z]{4}))?(?:-([a-z]{2}|\\d{3}))?((?:-${variant})*)(?=-|$)`, 'i');
const keys = [['ca', 'calendar'], ['co', 'collation'], ['fw', 'firstDayOfWeek'], ['hc', 'hourCycle'], ['kf', 'caseFirst'], ['kn', 'numeric'], ['nu', 'numberingSystem']];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function subtag(o, name, pattern) {
  const value = option(o, name, 'string', undefined, undefined);
  if (value !== undefined && !matches(pattern, value)) throw new RangeError('Incorrect locale information provided');
  return value;
}

function applyOptions(tag, o) {
  tag = canonical(tag);
  const lang = subtag(o, 'language', language);
  const script = subtag(o, 'script', /^[a-z]{4}$/i);
  const region = subtag(o, 'region', /^(?:[a-z]{2}|\d{3})$/i);
  let variants = option(o, 'variants', 'string', undefined, undefined);
  if (variants !== undefined) {
    if (!matches(new RegExp(`^${variant}(?:-${variant})*$`, 'i'), variants)) throw new RangeError('Incorrect locale information provided');
    const seen = new Set(variants.toLowerCase().split('-'));
    if (seen.size !== variants.split('-').length) throw new RangeError('Incorrect locale information provided');
  }
  const [whole, l, s, r, v] = found(base, tag);
  const pieces = [lang ?? l, script ?? s, region ?? r].filter((p) => p !== undefined && p !== '');
  variants ??= v.slice(1);
  return canonical(pieces.join('-') + (variants ? `-${variants}` : '') + tag.slice(whole.length));
}

function weekday(value) {
  if (value === undefined) return undefined;
  value = `${value}`;
  if (matches(/^[0-7]$/, value)) return days[Number(value) % 7];
  return value;
}

// The keywords of a tag's -u- extension, as [key, value] pairs; with what is around it.
function extension(tag) {
  const m = found(/-u((?:-[a-z0-9]{2,8})+)/, tag.replace(/-x-.*$/, ''));
  if (m === null) return { attributes: [], keywords: [], before: tag.replace(/-x-.*$/, ''), after: found(/-x-.*$/, tag)?.[0] ?? '' };
  const attributes = [];
  const keywords = [];
  for (const part of m[1].slice(1).split('-')) {
    if (part.length === 2) keywords.push([part, '']);
    else if (keywords.length === 0) attributes.push(part);
    else {
      const last = keywords[keywords.length - 1];
      last[1] = last[1] === '' ? part : `${last[1]}-${part}`;
    }
  }
  const at = m.index;
  return { attributes, keywords, before: tag.slice(0, at), after: tag.slice(at + m[0].length) };
}

function insert(x) {
  const words = [...x.attributes];
  for (const [key, value] of x.keywords) words.push(value === '' ? key : `${key}-${value}`);
  if (words.length === 0) return x.before + x.after;
  // Extensions stand in the order of their letters.
  const u = `-u-${words.join('-')}`;
  const rest = x.before + x.after;
  const later = found(/-[v-z]-/, rest);
  return later ? rest.slice(0, later.index) + u + rest.slice(later.index) : rest + u;
}

export function Locale(tag, options = undefined) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.Locale requires 'new'");
  if (typeof tag !== 'string' && !isObject(tag)) throw new TypeError('First argument to Intl.Locale constructor can\'t be empty or missing');
  let name = Slots.kindOf(tag) === 'Locale' ? Slots.peek(tag).tag : text(`${tag}`);
  const o = coerced(options);
  name = applyOptions(name, o);
  const given = {
    __proto__: null, ca: typeOption(o, 'calendar'), co: typeOption(o, 'collation'), fw: weekday(o.firstDayOfWeek),
    hc: option(o, 'hourCycle', 'string', ['h11', 'h12', 'h23', 'h24'], undefined), kf: option(o, 'caseFirst', 'string', ['upper', 'lower', 'false'], undefined),
    kn: option(o, 'numeric', 'boolean', undefined, undefined), nu: typeOption(o, 'numberingSystem'),
  };
  if (given.fw !== undefined && !matches(/^[a-z0-9]{3,8}(-[a-z0-9]{3,8})*$/i, given.fw)) throw new RangeError('Invalid firstDayOfWeek');
  const x = extension(name);
  for (const [key] of keys) {
    if (given[key] === undefined) continue;
    const value = given[key] === true ? '' : `${given[key]}`;
    const at = x.keywords.findIndex(([k]) => k === key);
    if (at >= 0) x.keywords[at][1] = value;
    else x.keywords.push([key, value]);
  }
  return make(new.target, Locale, slotsOf(canonical(insert(x))));
}
Object.defineProperty(Locale, 'length', { value: 1, configurable: true });

function slotsOf(tag) {
  const [whole, l, s, r, v] = found(base, tag);
  const out = { __proto__: null, kind: 'Locale', tag, baseName: whole, language: l, script: s, region: r, variants: v ? v.slice(1) : undefined };
  for (const [key, value] of extension(tag).keywords) out[key] = value;
  return out;
}

const slots = (self, member) => Slots.of(self, 'Locale', `prototype.${member}`);
const info = (self, member, what) => askFor('locale', what, slots(self, member).tag);
const derived = (self, member, how) => make(Locale, Locale, slotsOf(ask('likely', how, slots(self, member).tag)));

equip(Locale, 'Locale', {
  maximize() { return derived(this, 'maximize', 'max'); },
  minimize() { return derived(this, 'minimize', 'min'); },
  toString() { return slots(this, 'toString').tag; },
  get baseName() { return slots(this, 'baseName').baseName; },
  get calendar() { return slots(this, 'calendar').ca; },
  get caseFirst() { return slots(this, 'caseFirst').kf; },
  get collation() { return slots(this, 'collation').co; },
  get firstDayOfWeek() { return slots(this, 'firstDayOfWeek').fw; },
  get hourCycle() { return slots(this, 'hourCycle').hc; },
  get language() { return slots(this, 'language').language; },
  get numberingSystem() { return slots(this, 'numberingSystem').nu; },
  get numeric() {
    const { kn } = slots(this, 'numeric');
    return kn === '' || kn === 'true';
  },
  get region() { return slots(this, 'region').region; },
  get script() { return slots(this, 'script').script; },
  get variants() { return slots(this, 'variants').variants; },
  getCalendars() { return info(this, 'getCalendars', 'calendars'); },
  getCollations() { return info(this, 'getCollations', 'collations'); },
  getHourCycles() { return info(this, 'getHourCycles', 'hours'); },
  getNumberingSystems() { return info(this, 'getNumberingSystems', 'systems'); },
  getTextInfo() { return resolved(Object.entries(info(this, 'getTextInfo', 'text'))); },
  getTimeZones() { return info(this, 'getTimeZones', 'zones') ?? undefined; },
  getWeekInfo() {
    const { firstDay, weekend } = info(this, 'getWeekInfo', 'week');
    return resolved([['firstDay', firstDay], ['weekend', weekend]]);
  },
});
