// cron-parser: the next date, in a zone
import assert from 'node:assert/strict';
import { CronExpressionParser } from 'cron-parser';
export async function run() {
  const next = CronExpressionParser.parse('0 9 * * 1', { currentDate: '2026-07-01T00:00:00Z', tz: 'Europe/Berlin' }).next();
  assert.equal(next.toDate().toISOString(), '2026-07-06T07:00:00.000Z');
}
