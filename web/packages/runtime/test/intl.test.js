// Node.js's own Intl is the judge: whatever is not refused must read as there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Collator } from '../src/intl/collate.js';
import { DateTimeFormat } from '../src/intl/dates.js';
import { NumberFormat } from '../src/intl/numbers.js';

const plain = (s) => s.replace(/[\u202f\u00a0]/g, ' ');
const same = (ours, theirs, about) => assert.equal(plain(ours), plain(theirs), about);

function* product(fields) {
  const [first, ...rest] = Object.entries(fields);
  if (!first) {
    yield {};
    return;
  }
  for (const value of first[1]) for (const more of product(Object.fromEntries(rest))) yield value === undefined ? more : { [first[0]]: value, ...more };
}

const moments = [0, Date.UTC(2026, 6, 1, 15, 5, 9, 45), Date.UTC(2024, 1, 29, 0, 0, 0), Date.UTC(1999, 11, 31, 12, 59, 59, 999), Date.UTC(2026, 8, 9, 9, 30)];

test('dates read as in Node.js, or are refused', () => {
  let drawn = 0;
  for (const locale of ['en-US', 'en-GB', 'de-DE', 'sv-SE', 'en-CA', 'fr-FR']) {
    const dates = [...product({ weekday: [undefined, 'long', 'short'], year: [undefined, 'numeric', '2-digit'], month: [undefined, 'numeric', '2-digit', 'long', 'short'], day: [undefined, 'numeric', '2-digit'] })];
    const times = [{}, { hour: 'numeric' }, { hour: '2-digit', minute: '2-digit' }, { hour: 'numeric', minute: '2-digit', second: '2-digit' }, { hour: 'numeric', minute: 'numeric' }];
    for (const date of dates) {
      for (const time of times) {
        const options = { timeZone: 'Europe/Berlin', ...date, ...time };
        let ours;
        try {
          ours = new DateTimeFormat(locale, options);
        } catch (err) {
          assert.ok(err instanceof RangeError);
          continue;
        }
        const theirs = new Intl.DateTimeFormat(locale, options);
        for (const at of moments) {
          same(ours.format(at), theirs.format(at), `${locale} ${JSON.stringify(options)} ${new Date(at).toISOString()}`);
          drawn++;
        }
      }
    }
  }
  assert.ok(drawn > 3000, `only ${drawn} were drawn`);
});

test('date and time styles read as in Node.js', () => {
  for (const locale of ['en-US', 'en-GB', 'de-DE']) {
    for (const options of product({ dateStyle: [undefined, 'full', 'long', 'medium', 'short'], timeStyle: [undefined, 'medium', 'short'] })) {
      for (const at of moments) same(new DateTimeFormat(locale, { ...options, timeZone: 'America/New_York' }).format(at), new Intl.DateTimeFormat(locale, { ...options, timeZone: 'America/New_York' }).format(at), `${locale} ${JSON.stringify(options)}`);
    }
  }
});

test('parts, offsets and hour cycles, as time zone libraries ask for them', () => {
  const options = { timeZone: 'Asia/Kolkata', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };
  for (const at of moments) {
    assert.deepEqual(new DateTimeFormat('en-US', options).formatToParts(at), new Intl.DateTimeFormat('en-US', options).formatToParts(at));
    const era = { timeZone: 'UTC', year: 'numeric', month: 'numeric', day: 'numeric', era: 'short' };
    for (const date of [at, Date.UTC(-43, 2, 15)]) assert.deepEqual(new DateTimeFormat('en-US', era).formatToParts(date), new Intl.DateTimeFormat('en-US', era).formatToParts(date));
    const zoned = { timeZone: 'Asia/Kolkata', timeZoneName: 'longOffset', hour: 'numeric' };
    same(new DateTimeFormat('en-US', zoned).format(at), new Intl.DateTimeFormat('en-US', zoned).format(at));
  }
});

test('what is not known is refused by name', () => {
  assert.throws(() => new DateTimeFormat('ja-JP'), { name: 'RangeError', message: /ja-JP/ });
  assert.throws(() => new DateTimeFormat('en-US', { timeZone: 'Nowhere/Land' }), { name: 'RangeError', message: /Nowhere\/Land/ });
  assert.throws(() => new DateTimeFormat('en-US', { dayPeriod: 'long' }), { name: 'RangeError', message: /dayPeriod/ });
  assert.throws(() => new NumberFormat('en-US', { notation: 'compact' }), { name: 'RangeError', message: /compact/ });
  assert.throws(() => new NumberFormat('hi-IN'), RangeError);
  assert.throws(() => new Collator('sv'), { name: 'RangeError', message: /sv/ });
});

test('numbers read as in Node.js', () => {
  const values = [0, -0, 1, -1, 0.5, 1.5, 2.5, 1.005, 1234.5678, -1234567.891, 999999.9995, 1e21, 1e-7, 123456789012345680, 0.000123456, NaN, Infinity, -Infinity, 1000, 9999.5, 12345678901234567890n];
  const options = [
    {}, { maximumFractionDigits: 0 }, { minimumFractionDigits: 2 }, { maximumFractionDigits: 2 }, { minimumFractionDigits: 1, maximumFractionDigits: 4 },
    { maximumSignificantDigits: 3 }, { minimumSignificantDigits: 5 }, { minimumSignificantDigits: 2, maximumSignificantDigits: 4 }, { useGrouping: false },
    { style: 'percent' }, { style: 'percent', maximumFractionDigits: 1 }, { signDisplay: 'always' }, { signDisplay: 'exceptZero' }, { signDisplay: 'never' }, { minimumIntegerDigits: 3 },
    { style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'EUR' }, { style: 'currency', currency: 'JPY' }, { style: 'currency', currency: 'CHF' },
    { style: 'currency', currency: 'EUR', minimumFractionDigits: 0 }, { style: 'currency', currency: 'USD', maximumFractionDigits: 0 }, { style: 'currency', currency: 'GBP', currencyDisplay: 'code' },
  ];
  for (const locale of ['en-US', 'en-GB', 'de-DE', 'fr-FR', 'sv-SE']) {
    for (const o of options) {
      let ours;
      try {
        ours = new NumberFormat(locale, o);
      } catch (err) {
        assert.ok(err instanceof RangeError && o.style === 'currency', String(err));
        continue;
      }
      for (const v of values) same(ours.format(v), new Intl.NumberFormat(locale, o).format(v), `${locale} ${JSON.stringify(o)} ${v}`);
    }
  }
});

test('text sorts as in Node.js', () => {
  const words = ['B', 'a', 'ä', 'A', 'Ä', 'Z', '_', '1', '10', '2', '-', ' ', 'é', 'e', 'E', 'ß', 'ss', '@', 'z', 'æ', 'Zebra', 'zebra', 'apple', 'Äpfel', 'Apfel', 'résumé', 'resume', 'Resume', 'a b', 'ab', 'a-b', 'a1', 'a10', 'a2', 'PROJ-10', 'PROJ-9', 'co-op', 'coop', '', 'Alice', 'alice', 'Bob'];
  const judge = new Intl.Collator('en');
  const numeric = [new Collator('en', { numeric: true }), new Intl.Collator('en', { numeric: true })];
  const base = [new Collator('en', { sensitivity: 'base' }), new Intl.Collator('en', { sensitivity: 'base' })];
  for (const a of words) {
    for (const b of words) {
      assert.equal(new Collator().compare(a, b), judge.compare(a, b), `${a} ${b}`);
      assert.equal(numeric[0].compare(a, b), numeric[1].compare(a, b), `numeric ${a} ${b}`);
      assert.equal(base[0].compare(a, b), base[1].compare(a, b), `base ${a} ${b}`);
    }
  }
});
