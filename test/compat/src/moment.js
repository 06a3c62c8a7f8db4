// moment: parsing, formatting, arithmetic
import assert from 'node:assert/strict';
import moment from 'moment';
export async function run() {
  assert.equal(moment.utc('2026-01-31').add(1, 'month').format('YYYY-MM-DD'), '2026-02-28');
  assert.equal(moment.duration(90, 'minutes').humanize(), '2 hours');
}
