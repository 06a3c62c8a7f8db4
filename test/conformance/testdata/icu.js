// Questions to Intl, made from a seed, and their answers: run by Node.js, whose ICU is the
// judge, and by the engine.
(function (global) {
  'use strict';
  const locales = ('en-US en-GB en-AU en-CA en-IN de-DE de-AT de-CH fr-FR fr-CA es-ES es-MX es-AR pt-BR pt-PT it-IT nl-NL sv-SE da-DK nb fi-FI pl-PL cs-CZ '
    + 'sk-SK hu-HU ro-RO bg-BG el-GR ru-RU uk-UA tr-TR ar ar-EG he-IL fa-IR hi-IN bn-BD ta-IN th-TH vi-VN id-ID ms-MY ja-JP ko-KR zh-CN zh-TW et-EE lv-LV lt-LT hr-HR '
    + 'sl-SI sr-RS ca-ES is-IS').split(' ');
  const zones = ['UTC', 'Europe/Berlin', 'Europe/London', 'America/New_York', 'America/Los_Angeles', 'America/Sao_Paulo', 'Asia/Kolkata', 'Asia/Tokyo', 'Asia/Kathmandu', 'Asia/Shanghai',
    'Australia/Sydney', 'Pacific/Auckland', 'Africa/Cairo', '+05:30'];

  // A generator of numbers (mulberry32).
  function random(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  const _ = undefined;
  const alphabets = {
    latin: 'aAbcçČčdeéèêfgğhiıİIjkllłmnñoöøópqrsšßtuüvwxyzžåäæ -_.,\'0123456789', cyrillic: 'абвгґдеёжзийіклмнопрстуфхцчшщьюяЁ', greek: 'αβγδεάέζηθικλμ',
    kana: 'あいうえおかきくけこアイウがぎ日本東京語', han: '中文你好世界人大小北京上海一二三', hangul: '가나다라마바사한국어', arabic: 'ابتثجحخدذرزس', hebrew: 'אבגדהוז', thai: 'กขคงจเแโ', devanagari: 'अआइकखगघ',
  };
  const alphabetOf = { bg: 'cyrillic', ru: 'cyrillic', uk: 'cyrillic', sr: 'cyrillic', el: 'greek', ja: 'kana', zh: 'han', ko: 'hangul', ar: 'arabic', fa: 'arabic', he: 'hebrew', th: 'thai', hi: 'devanagari' };

  function makeCases(seed, count) {
    const next = random(seed);
    const below = (n) => Math.floor(next() * n);
    const pick = (list) => list[below(list.length)];
    const some = (fields) => {
      const out = {};
      for (const [name, values] of Object.entries(fields)) {
        const v = pick(values);
        if (v !== undefined) out[name] = v;
      }
      return out;
    };
    const date = () => Date.UTC(1950 + below(100), below(12), 1 + below(28), below(24), below(60), below(60), below(1000));
    // What programs ask for, rather than any set of fields.
    const dates = [
      {}, { year: 'numeric', month: '2-digit', day: '2-digit' }, { year: 'numeric', month: 'long', day: 'numeric' }, { year: 'numeric', month: 'short', day: 'numeric' },
      { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, { weekday: 'short', month: 'short', day: 'numeric' }, { month: 'short', day: 'numeric' },
      { month: 'long', year: 'numeric' }, { month: 'short', year: 'numeric' }, { month: 'numeric', year: 'numeric' }, { year: 'numeric' }, { month: 'long' }, { month: 'short' }, { weekday: 'long' },
      { weekday: 'short' }, { weekday: 'narrow' }, { day: 'numeric' }, { month: 'numeric', day: 'numeric' }, { year: '2-digit', month: 'numeric', day: 'numeric' },
      { era: 'short', year: 'numeric', month: 'long', day: 'numeric' }, { year: 'numeric', month: 'numeric', day: 'numeric' }, { weekday: 'short', year: 'numeric', month: 'short', day: 'numeric' },
    ];
    const times = [
      {}, { hour: 'numeric', minute: '2-digit' }, { hour: '2-digit', minute: '2-digit' }, { hour: '2-digit', minute: '2-digit', second: '2-digit' }, { hour: 'numeric' },
      { hour: 'numeric', minute: 'numeric', second: 'numeric' }, { hour: 'numeric', minute: '2-digit', timeZoneName: 'short' },
      { hour: 'numeric', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }, { minute: '2-digit', second: '2-digit' }, { hour: 'numeric', dayPeriod: 'short' },
      { hour: '2-digit', minute: '2-digit', timeZoneName: 'longOffset' }, { timeZoneName: 'short' }, { timeZoneName: 'long' },
    ];
    const numbers = [0, 1, -1, 2, 3, 5, 7, 11, 12.5, 21, 100, 0.5, 999, 1234.5, 1500, -98765.4321, 12345, 1e6, 1234567.891, 1e9, 2.5e13, 0.0001234, 1e15, 1.005, 99.995, 999999, -0, NaN, Infinity];
    const formats = [
      {}, {}, { style: 'percent' }, { style: 'percent', maximumFractionDigits: 1 }, { style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'EUR' }, { style: 'currency', currency: 'JPY' },
      { style: 'currency', currency: 'GBP', currencyDisplay: 'code' }, { style: 'currency', currency: 'CHF', currencyDisplay: 'name' }, { style: 'currency', currency: 'INR', currencyDisplay: 'narrowSymbol' },
      { style: 'currency', currency: 'USD', currencySign: 'accounting' }, { style: 'currency', currency: 'EUR', notation: 'compact' }, { style: 'unit', unit: 'kilometer', unitDisplay: 'long' },
      { style: 'unit', unit: 'kilometer-per-hour' }, { style: 'unit', unit: 'celsius', unitDisplay: 'narrow' }, { style: 'unit', unit: 'megabyte' }, { style: 'unit', unit: 'hour', unitDisplay: 'long' },
      { style: 'unit', unit: 'liter-per-day' }, { notation: 'compact' }, { notation: 'compact', compactDisplay: 'long' }, { notation: 'scientific' }, { notation: 'engineering', maximumFractionDigits: 2 },
      { maximumFractionDigits: 0 }, { minimumFractionDigits: 2, maximumFractionDigits: 2 }, { maximumSignificantDigits: 3 }, { minimumSignificantDigits: 4, maximumSignificantDigits: 6 },
      { useGrouping: false }, { useGrouping: 'min2' }, { signDisplay: 'always' }, { signDisplay: 'exceptZero' }, { signDisplay: 'never' }, { signDisplay: 'negative' }, { minimumIntegerDigits: 3 },
      { roundingMode: 'ceil', maximumFractionDigits: 1 }, { roundingMode: 'halfEven', maximumFractionDigits: 2 }, { roundingIncrement: 5, maximumFractionDigits: 2, minimumFractionDigits: 2 },
      { trailingZeroDisplay: 'stripIfInteger', minimumFractionDigits: 2 }, { roundingPriority: 'morePrecision', maximumFractionDigits: 1, maximumSignificantDigits: 3 },
    ];
    const makers = {
      fields(locale) {
        const o = { timeZone: pick(zones), ...pick(dates), ...pick(times), ...some({ hour12: [_, _, _, true, false] }) };
        return [pick(['format', 'formatToParts', 'resolvedOptions']), o, date()];
      },
      styles() {
        const o = some({ timeZone: zones, dateStyle: [_, 'full', 'long', 'medium', 'short'], timeStyle: [_, 'full', 'long', 'medium', 'short'], hour12: [_, _, _, _, true, false] });
        return [pick(['format', 'formatToParts', 'resolvedOptions']), o, date()];
      },
      dateRange() {
        const o = next() < 0.5 ? { timeZone: pick(zones), ...pick(dates), ...pick(times.slice(0, 6)) } : some({ timeZone: zones, dateStyle: [_, 'full', 'long', 'medium', 'short'], timeStyle: [_, _, 'long', 'medium', 'short'] });
        const from = date();
        return [o, from, from + pick([0, 1000, 300000, 3 * 3600000, 86400000, 5 * 86400000, 40 * 86400000, 500 * 86400000])];
      },
      toLocale() { return [pick(['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString']), { timeZone: pick(zones) }, date()]; },
      zone() { return [{ timeZone: pick(zones), timeZoneName: pick(['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric']) }, date()]; },
      number() { return [pick(['format', 'formatToParts']), pick(formats), below(3) ? pick(numbers) : Number(((next() - 0.3) * 10 ** below(9)).toPrecision(1 + below(8)))]; },
      numberRange() {
        const x = pick(numbers.slice(0, 18));
        return [pick(formats.slice(0, 20)), x, x + pick([0, 1, 5, 1000])];
      },
      plural() { return [{ type: pick(['cardinal', 'ordinal']), ...pick([{}, { minimumFractionDigits: 1 }]) }, pick([0, 1, 2, 3, 4, 5, 6, 8, 11, 12, 13, 14, 19, 21, 22, 23, 80, 100, 101, 1.5, 0.1, 1e6])]; },
      relative() { return [some({ numeric: ['auto', 'always'], style: ['long', 'short', 'narrow'] }), pick([0, -1, 1, 2, -2, 3, 5, -10, 1.5, 100, -0]), pick(['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'])]; },
      list() { return [some({ type: ['conjunction', 'disjunction', 'unit'], style: ['long', 'short', 'narrow'] }), ['Alice', 'Bob', 'Iris', 'Oslo', 'Ygor'].slice(below(3), 2 + below(4))]; },
      names() {
        const [type, codes] = pick([['language', ['en', 'de', 'fr', 'pt-BR', 'zh-Hans', 'en-GB', 'sr-Latn', 'nb', 'zh-Hant-TW', 'de-AT', 'ja-Latn']], ['region', ['US', 'DE', '419', 'GB', 'CN', 'HK', 'UN']],
          ['currency', ['USD', 'EUR', 'JPY', 'CHF', 'XAF']], ['script', ['Latn', 'Cyrl', 'Hans', 'Arab']], ['dateTimeField', ['era', 'year', 'month', 'weekOfYear', 'weekday', 'day', 'dayPeriod', 'hour', 'timeZoneName']],
          ['calendar', ['gregory', 'buddhist', 'iso8601']]]);
        return [{ type, ...some({ style: type === 'currency' ? ['long'] : ['long', 'short', 'narrow'], languageDisplay: ['dialect', 'standard'] }) }, pick(codes)];
      },
      order(locale) {
        const alphabet = [...alphabets[below(3) ? alphabetOf[locale.split('-')[0]] ?? 'latin' : 'latin']];
        const word = () => Array.from({ length: 1 + below(5) }, () => pick(alphabet)).join('');
        const a = word();
        const b = pick([word, word, () => a.toUpperCase(), () => a.normalize('NFD').replace(/\p{M}/gu, ''), () => a + pick(alphabet)])();
        return [pick([{}, {}, { sensitivity: 'base' }, { sensitivity: 'accent' }, { sensitivity: 'case' }, { numeric: true }, { ignorePunctuation: true }, { caseFirst: 'upper' }]), a, b];
      },
      segments() {
        return [{ granularity: pick(['grapheme', 'grapheme', 'word', 'sentence']) }, Array.from({ length: 1 + below(4) }, () => pick(['Hello, world! ', 'It’s 3.5 km. ', 'நி', '👩‍👩‍👧', '🇩🇪🇫🇷', 'e\u0301a', 'Привет. ', 'a_b c-d', '\r\n', 'Dr. No went. He left? Yes!'])).join('')];
      },
    };
    const kinds = Object.keys(makers);
    return Array.from({ length: count }, (x, i) => {
      const kind = kinds[i % kinds.length];
      const locale = pick(locales);
      return [kind, locale, ...makers[kind](locale)];
    });
  }

  const shown = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  const answers = {
    fields: (locale, how, o, at) => (how === 'resolvedOptions' ? { ...new Intl.DateTimeFormat(locale, o).resolvedOptions(), timeZone: undefined } : new Intl.DateTimeFormat(locale, o)[how](at)),
    styles: (...args) => answers.fields(...args),
    dateRange: (locale, o, from, to) => new Intl.DateTimeFormat(locale, o).formatRange(from, to),
    toLocale: (locale, how, o, at) => new Date(at)[how](locale, o),
    zone: (locale, o, at) => new Intl.DateTimeFormat(locale, o).formatToParts(at).find((p) => p.type === 'timeZoneName').value,
    number: (locale, how, o, x) => new Intl.NumberFormat(locale, o)[how](x),
    numberRange: (locale, o, x, y) => new Intl.NumberFormat(locale, o).formatRange(x, y),
    plural: (locale, o, x) => new Intl.PluralRules(locale, o).select(x),
    relative: (locale, o, x, unit) => new Intl.RelativeTimeFormat(locale, o).format(x, unit),
    list: (locale, o, list) => new Intl.ListFormat(locale, o).format(list),
    names: (locale, o, code) => new Intl.DisplayNames(locale, o).of(code) ?? 'undefined',
    order: (locale, o, a, b) => String(Math.sign(new Intl.Collator(locale, o).compare(a, b))),
    segments: (locale, o, string) => [...new Intl.Segmenter(locale, o).segment(string)].map((s) => (s.isWordLike === undefined ? s.segment : `${s.segment}${s.isWordLike ? '' : ' '}`)).join('|'),
  };

  // NaN, -0 and Infinity have no JSON form.
  const revive = (x) => (x === 'NaN' ? NaN : x === '-0' ? -0 : x === 'Infinity' ? Infinity : x);
  const plain = (x) => (typeof x === 'number' && (x !== x || x === Infinity || Object.is(x, -0)) ? (Object.is(x, -0) ? '-0' : String(x)) : x);

  global.icuCases = (seed, count) => makeCases(seed, count).map((c) => c.map(plain));
  global.icuAnswer = ([kind, locale, ...args]) => {
    try {
      return shown(answers[kind](locale, ...args.map((a, i) => (kind === 'order' || kind === 'list' ? a : revive(a)))));
    } catch (err) {
      return `${err.name}: ${err.message.slice(0, 80)}`;
    }
  };
})(globalThis);
