// date-fns-tz: a zone's time, both ways
// partly: names of zones (zzz) are not known
import assert from 'node:assert/strict';
import { formatInTimeZone, fromZonedTime, toZonedTime } from 'date-fns-tz';
export async function run() {
  const d = new Date('2026-07-01T12:00:00Z');
  assert.equal(formatInTimeZone(d, 'America/New_York', 'yyyy-MM-dd HH:mm xxx'), '2026-07-01 08:00 -04:00');
  assert.equal(fromZonedTime('2026-01-01 00:00', 'Europe/Berlin').toISOString(), '2025-12-31T23:00:00.000Z');
  assert.equal(toZonedTime(d, 'Asia/Tokyo').getHours(), 21);
}
export async function cannot() {
  formatInTimeZone(new Date(), 'America/New_York', 'zzz');
}
