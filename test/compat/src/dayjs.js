// dayjs: plug-ins utc and relativeTime
// partly: its plug-in timezone needs names of zones
import assert from 'node:assert/strict';
import dayjs from 'dayjs';
import utc from 'dayjs/plugin/utc';
import timezone from 'dayjs/plugin/timezone';
import relativeTime from 'dayjs/plugin/relativeTime';
dayjs.extend(utc); dayjs.extend(timezone); dayjs.extend(relativeTime);
export async function run() {
  assert.equal(dayjs.utc('2026-01-01').add(1, 'week').format('DD.MM.YYYY'), '08.01.2026');
  assert.equal(dayjs('2026-01-01').to(dayjs('2026-01-03')), 'in 2 days');
}
export async function cannot() {
  assert.equal(dayjs.tz('2026-07-01 12:00', 'Europe/Berlin').toISOString(), '2026-07-01T10:00:00.000Z');
}
