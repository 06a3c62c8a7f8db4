// luxon: zones, formats, locales, intervals
// partly: names of zones (ZZZZ) are not known
import assert from 'node:assert/strict';
import { DateTime, Interval } from 'luxon';
export async function run() {
  const d = DateTime.fromISO('2026-07-01T12:00:00', { zone: 'Europe/London' });
  assert.equal(d.toUTC().toISO(), '2026-07-01T11:00:00.000Z');
  assert.equal(d.setZone('America/New_York').toFormat('HH:mm ZZ'), '07:00 -04:00');
  assert.equal(d.setLocale('de').toLocaleString(DateTime.DATE_FULL), '1. Juli 2026');
  assert.equal(Interval.fromDateTimes(d, d.plus({ days: 2 })).length('hours'), 48);
}
export async function cannot() {
  DateTime.now().setZone('America/New_York').toFormat('ZZZZ');
}
