// luxon: zones and their names, formats, locales, intervals; the hours around a change of the clock
import assert from 'node:assert/strict';
import { DateTime, IANAZone, Info, Interval } from 'luxon';
export async function run() {
  const d = DateTime.fromISO('2026-07-01T12:00:00', { zone: 'Europe/London' });
  assert.equal(d.toUTC().toISO(), '2026-07-01T11:00:00.000Z');
  assert.equal(d.setZone('America/New_York').toFormat('HH:mm ZZ ZZZZ'), '07:00 -04:00 EDT');
  assert.equal(d.setZone('Europe/Berlin').setLocale('de').toFormat('ZZZZZ'), 'Mitteleuropäische Sommerzeit');
  assert.equal(d.setLocale('de').toLocaleString(DateTime.DATE_FULL), '1. Juli 2026');
  assert.equal(d.setLocale('pl').toLocaleString(DateTime.DATETIME_MED), '1 lip 2026, 12:00');
  assert.deepEqual(Info.weekdays('short', { locale: 'fr' }), ['lun.', 'mar.', 'mer.', 'jeu.', 'ven.', 'sam.', 'dim.']);
  assert.equal(Interval.fromDateTimes(d, d.plus({ days: 2 })).length('hours'), 48);
  const night = DateTime.fromISO('2026-03-29T01:30:00', { zone: 'Europe/Berlin' });
  assert.equal(night.plus({ hours: 1 }).toISO(), '2026-03-29T03:30:00.000+02:00');
  assert.equal(DateTime.fromISO('2026-11-01T06:30:00Z', { zone: 'America/New_York' }).toISO(), '2026-11-01T01:30:00.000-05:00');
  assert.equal(IANAZone.isValidZone('Mars/Olympus'), false);
  assert.equal(d.minus({ days: 3 }).toRelative({ base: d, locale: 'es' }), 'hace 3 días');
}
