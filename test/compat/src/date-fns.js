// date-fns: arithmetic, formatting, a locale
import assert from 'node:assert/strict';
import { addDays, differenceInCalendarDays, format, formatDistance } from 'date-fns';
import { de } from 'date-fns/locale';
export async function run() {
  const d = new Date(2026, 0, 31);
  assert.equal(format(addDays(d, 1), 'yyyy-MM-dd'), '2026-02-01');
  assert.equal(differenceInCalendarDays(new Date(2026, 2, 1), d), 29);
  assert.equal(format(d, 'EEEE, d. MMMM', { locale: de }), 'Samstag, 31. Januar');
  assert.equal(formatDistance(d, addDays(d, 3)), '3 days');
}
