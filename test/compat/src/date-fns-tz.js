// date-fns-tz: a zone's time, both ways; names of zones; the hours around a change of the clock
import assert from 'node:assert/strict';
import { formatInTimeZone, fromZonedTime, getTimezoneOffset, toZonedTime } from 'date-fns-tz';
export async function run() {
  const d = new Date('2026-07-01T12:00:00Z');
  assert.equal(formatInTimeZone(d, 'America/New_York', 'yyyy-MM-dd HH:mm xxx zzz'), '2026-07-01 08:00 -04:00 EDT');
  assert.equal(formatInTimeZone(d, 'Asia/Kolkata', 'HH:mm zzzz'), '17:30 India Standard Time');
  assert.equal(fromZonedTime('2026-01-01 00:00', 'Europe/Berlin').toISOString(), '2025-12-31T23:00:00.000Z');
  assert.equal(fromZonedTime('2026-03-29 03:00', 'Europe/Berlin').toISOString(), '2026-03-29T01:00:00.000Z');
  assert.equal(toZonedTime(d, 'Asia/Tokyo').getHours(), 21);
  assert.equal(getTimezoneOffset('Europe/Berlin', new Date('2026-03-29T00:59:59Z')), 3600000);
  assert.equal(getTimezoneOffset('Europe/Berlin', new Date('2026-03-29T03:00:00Z')), 7200000);
}
