// dayjs: plug-ins utc, timezone and relativeTime; the hours around a change of the clock
import assert from 'node:assert/strict';
import dayjs from 'dayjs';
import utc from 'dayjs/plugin/utc';
import timezone from 'dayjs/plugin/timezone';
import relativeTime from 'dayjs/plugin/relativeTime';
dayjs.extend(utc); dayjs.extend(timezone); dayjs.extend(relativeTime);
export async function run() {
  assert.equal(dayjs.utc('2026-01-01').add(1, 'week').format('DD.MM.YYYY'), '08.01.2026');
  assert.equal(dayjs('2026-01-01').to(dayjs('2026-01-03')), 'in 2 days');
  assert.equal(dayjs.tz('2026-07-01 12:00', 'Europe/Berlin').toISOString(), '2026-07-01T10:00:00.000Z');
  assert.equal(dayjs('2026-03-29T00:59:59Z').tz('Europe/Berlin').format('HH:mm:ss Z'), '01:59:59 +01:00');
  assert.equal(dayjs('2026-03-29T01:00:00Z').tz('Europe/Berlin').format('HH:mm:ss Z'), '03:00:00 +02:00');
  assert.equal(dayjs('2026-11-01T06:30:00Z').tz('America/New_York').format('HH:mm Z'), '01:30 -05:00');
}
