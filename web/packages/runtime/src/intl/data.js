// What is known of locales. Everything else is refused by name: a wrong date or number
// is worse than an error.

const enMonths = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const enDays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const short = (names) => names.map((n) => n.slice(0, 3));

const english = {
  months: { long: enMonths, short: short(enMonths) },
  days: { long: enDays, short: short(enDays) },
  number: { group: ',', decimal: '.', percent: '{n}%', currency: '{c}{n}' },
  together: { short: ', ', long: ' at ' },
};

// Templates of dates: W weekday, y, M, d; letters in braces. "text" has the month as a
// name, "number" as a figure.
export const locales = {
  'en-US': {
    ...english,
    hour12: true,
    periods: ['AM', 'PM'],
    number: english.number,
    text: { Wd: '{d} {W}', WMd: '{W}, {M} {d}', WyMd: '{W}, {M} {d}, {y}', yMd: '{M} {d}, {y}', Md: '{M} {d}', yM: '{M} {y}' },
    figures: { WMd: '{W}, {M}/{d}', WyMd: '{W}, {M}/{d}/{y}', yMd: '{M}/{d}/{y}', Md: '{M}/{d}', yM: '{M}/{y}' },
    styles: {
      full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
      medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: '2-digit', month: 'numeric', day: 'numeric' },
    },
    weekdayTime: ' ',
  },
  'en-GB': {
    ...english,
    months: { long: enMonths, short: short(enMonths).map((m) => (m === 'Sep' ? 'Sept' : m)) },
    hour12: false,
    periods: ['am', 'pm'],
    padded: true,
    text: { WMd: '{W} {d} {M}', WyMd: '{W}, {d} {M} {y}', yMd: '{d} {M} {y}', Md: '{d} {M}', yM: '{M} {y}' },
    figures: { WMd: '{W} {d}/{M}', WyMd: '{W}, {d}/{M}/{y}', yMd: '{d}/{M}/{y}', Md: '{d}/{M}', yM: '{M}/{y}' },
    styles: {
      full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
      medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: 'numeric', month: '2-digit', day: '2-digit' },
    },
    weekdayTime: ' ',
  },
  'de-DE': {
    months: {
      long: ['Januar', 'Februar', 'März', 'April', 'Mai', 'Juni', 'Juli', 'August', 'September', 'Oktober', 'November', 'Dezember'],
      short: ['Jan.', 'Feb.', 'März', 'Apr.', 'Mai', 'Juni', 'Juli', 'Aug.', 'Sept.', 'Okt.', 'Nov.', 'Dez.'],
      alone: ['Jan', 'Feb', 'Mär', 'Apr', 'Mai', 'Jun', 'Jul', 'Aug', 'Sep', 'Okt', 'Nov', 'Dez'],
    },
    days: {
      long: ['Sonntag', 'Montag', 'Dienstag', 'Mittwoch', 'Donnerstag', 'Freitag', 'Samstag'],
      short: ['So.', 'Mo.', 'Di.', 'Mi.', 'Do.', 'Fr.', 'Sa.'],
      alone: ['So', 'Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa'],
    },
    hour12: false,
    periods: ['AM', 'PM'],
    number: { group: '.', decimal: ',', percent: '{n}\u00a0%', currency: '{n}\u00a0{c}' },
    together: { short: ', ', long: ' um ' },
    text: { WMd: '{W}, {d}. {M}', WyMd: '{W}, {d}. {M} {y}', yMd: '{d}. {M} {y}', Md: '{d}. {M}', yM: '{M} {y}' },
    figures: { WMd: '{W}, {d}.{M}.', WyMd: '{W}, {d}.{M}.{y}', yMd: '{d}.{M}.{y}', Md: '{d}.{M}.', yM: '{M}/{y}' },
    styles: {
      full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
      medium: { year: 'numeric', month: '2-digit', day: '2-digit' }, short: { year: '2-digit', month: '2-digit', day: '2-digit' },
    },
    weekdayTime: ', ',
    onlyHour: '{h} Uhr',
  },
  // Known for dates in figures only: programs use the first two for their ISO look.
  'sv-SE': {
    hour12: false, padded: true, number: { group: '\u00a0', decimal: ',', percent: '{n}\u00a0%', minus: '\u2212' }, together: { short: ' ' },
    figures: { yMd: '{y}-{M}-{d}' },
  },
  'en-CA': { ...english, months: undefined, days: undefined, hour12: true, periods: ['a.m.', 'p.m.'], padded: true, figures: { yMd: '{y}-{M}-{d}' } },
  'fr-FR': {
    hour12: false, padded: true, number: { group: '\u202f', decimal: ',', percent: '{n}\u202f%' }, together: { short: ' ' },
    figures: { yMd: '{d}/{M}/{y}' },
  },
};

const likely = { en: 'en-US', de: 'de-DE', sv: 'sv-SE', fr: 'fr-FR' };

/**
 * The known locale for what a program asked for: the first of a list that is known.
 * @throws {RangeError} naming the locale if none is known
 */
export function localeOf(asked, what) {
  const list = asked === undefined ? [] : typeof asked === 'string' || !asked?.[Symbol.iterator] ? [asked] : [...asked];
  if (list.length === 0) return 'en-US';
  for (const tag of list) {
    if (typeof tag !== 'string' && (typeof tag !== 'object' || tag === null)) throw new TypeError('Incorrect locale information provided');
    const plain = canonical(String(tag)).replace(/-u-.*$/, '');
    if (/-u-.*-?(nu|ca)-/.test(String(tag))) throw new RangeError(`${what}: the locale extension of ${tag} is not supported`);
    if (plain in locales) return plain;
    if (plain in likely) return likely[plain];
  }
  throw new RangeError(`${what}: the locale ${list.map(String).join(', ')} is not supported (${Object.keys(locales).join(', ')} are)`);
}

/** @throws {RangeError} if the tag is malformed */
export function canonical(tag) {
  if (!/^[a-z]{2,3}(-[a-z0-9]{2,8}|-[a-z0-9](-[a-z0-9]{2,8})+)*$/i.test(tag)) throw new RangeError(`Incorrect locale information provided: ${tag}`);
  let extension = false;
  return tag.split('-').map((part, i) => {
    if (part.length === 1) extension = true;
    if (i === 0 || extension) return part.toLowerCase();
    if (part.length === 2) return part.toUpperCase();
    if (part.length === 4 && !/^\d/.test(part)) return part[0].toUpperCase() + part.slice(1).toLowerCase();
    return part.toLowerCase();
  }).join('-');
}

/** Reads an option that must be one of a list. */
export function choice(options, name, allowed, otherwise, what) {
  const value = options?.[name];
  if (value === undefined) return otherwise;
  if (!allowed.includes(typeof value === 'boolean' || typeof value === 'number' ? value : String(value))) {
    throw new RangeError(`${what}: the option ${name}: ${JSON.stringify(value)} is not supported`);
  }
  return value;
}
