// moment-timezone: zones with summer time, and their names
import assert from 'node:assert/strict';
import moment from 'moment-timezone';
export async function run() {
  assert.equal(moment.tz('2026-07-01 12:00', 'Europe/Berlin').utc().format(), '2026-07-01T10:00:00Z');
  assert.equal(moment('2026-01-01T00:00:00Z').tz('America/Los_Angeles').format('YYYY-MM-DD z'), '2025-12-31 PST');
  assert.equal(moment('2026-03-29T01:00:00Z').tz('Europe/Berlin').format('HH:mm Z z'), '03:00 +02:00 CEST');
}
