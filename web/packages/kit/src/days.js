// Days of the calendar, as `YYYY-MM-DD`.

const utc = (day) => new Date(`${day}T00:00:00Z`);
// The calendar ends where its days would need more than ten characters.
const [FIRST, LAST] = [Date.parse('0001-01-01T00:00:00Z'), Date.parse('9999-12-31T00:00:00Z')];
const iso = (date) => new Date(Math.min(LAST, Math.max(FIRST, date.getTime()))).toISOString().slice(0, 10);

/** shift moves a day by days and months; in a shorter month it stays in the month. */
export function shift(day, days, months = 0) {
  const d = utc(day);
  if (months) {
    const date = d.getUTCDate();
    d.setUTCDate(1);
    d.setUTCMonth(d.getUTCMonth() + months);
    const last = new Date(Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 0)).getUTCDate();
    d.setUTCDate(Math.min(date, last));
  }
  d.setUTCDate(d.getUTCDate() + days);
  return iso(d);
}

/** monthOf answers the weeks that a month touches; weeks begin on the given day (0 is Sunday). */
export function monthOf(day, first) {
  const start = `${day.slice(0, 8)}01`;
  let at = shift(start, -((utc(start).getUTCDay() - first + 7) % 7));
  const weeks = [];
  for (let n = 0; n === 0 || (n < 6 && at.slice(0, 7) === day.slice(0, 7)); n++) {
    weeks.push(Array.from({ length: 7 }, (_, i) => shift(at, i)));
    at = shift(at, 7);
  }
  return weeks;
}

/** isDay tells a day of the calendar from what only looks like one. */
export function isDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !text.startsWith('0000') && !Number.isNaN(utc(text).getTime());
}

/** localeOf answers a locale that days can be written in, undefined for what is none. */
export function localeOf(text) {
  try {
    return Intl.getCanonicalLocales(text)[0];
  } catch {
    return undefined;
  }
}

/** weekStart is the first day of the week where a locale is spoken. */
export function weekStart(locale) {
  try {
    const l = new Intl.Locale(locale);
    return (l.getWeekInfo?.() ?? l.weekInfo).firstDay % 7;
  } catch {
    return 1;
  }
}
