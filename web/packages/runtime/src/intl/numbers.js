// Numbers in the few locales of data.js: decimal, percent and currency.
import { choice, localeOf, locales } from './data.js';
import { supported } from './dates.js';

const what = 'Intl.NumberFormat';
const symbols = {
  'en-US': { USD: '$', EUR: '€', GBP: '£', JPY: '¥', CAD: 'CA$', AUD: 'A$', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', MXN: 'MX$', NZD: 'NZ$', ILS: '₪', VND: '₫' },
  'en-GB': { USD: 'US$', EUR: '€', GBP: '£', JPY: 'JP¥', CAD: 'CA$', AUD: 'A$', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', MXN: 'MX$', NZD: 'NZ$', ILS: '₪', VND: '₫' },
  'de-DE': { USD: '$', EUR: '€', GBP: '£', JPY: '¥', CAD: 'CA$', AUD: 'AU$', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', MXN: 'MX$', NZD: 'NZ$', ILS: '₪', VND: '₫' },
};
const digits = { JPY: 0, KRW: 0, VND: 0, CLP: 0, ISK: 0, UGX: 0, XAF: 0, XOF: 0, XPF: 0, BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3 };

export class NumberFormat {
  #locale;
  #data;
  #o;

  constructor(asked, options = undefined) {
    const o = options ?? {};
    this.#locale = localeOf(asked, what);
    this.#data = locales[this.#locale].number;
    const style = choice(o, 'style', ['decimal', 'percent', 'currency'], 'decimal', what);
    choice(o, 'notation', ['standard'], 'standard', what);
    choice(o, 'numberingSystem', ['latn'], 'latn', what);
    choice(o, 'roundingMode', ['halfExpand'], 'halfExpand', what);
    choice(o, 'roundingIncrement', [1], 1, what);
    choice(o, 'roundingPriority', ['auto'], 'auto', what);
    choice(o, 'trailingZeroDisplay', ['auto'], 'auto', what);
    choice(o, 'currencySign', ['standard'], 'standard', what);
    let currency;
    if (style === 'currency') {
      if (o.currency === undefined) throw new TypeError('Currency code is required with currency style.');
      currency = String(o.currency).toUpperCase();
      if (!/^[A-Z]{3}$/.test(currency)) throw new RangeError(`Invalid currency code : ${o.currency}`);
      if (!symbols[this.#locale]) throw new RangeError(`${what}: the style currency is not supported in ${this.#locale}`);
    }
    const places = style === 'currency' ? digits[currency] ?? 2 : 0;
    const most = style === 'currency' ? places : style === 'percent' ? 0 : 3;
    const bounded = (name, low, high, otherwise) => {
      if (o[name] === undefined) return otherwise;
      const n = Math.floor(Number(o[name]));
      if (!(n >= low && n <= high)) throw new RangeError(`${name} value is out of range.`);
      return n;
    };
    const min = bounded('minimumFractionDigits', 0, 100, undefined);
    const max = bounded('maximumFractionDigits', min ?? 0, 100, undefined);
    this.#o = {
      style, currency,
      currencyDisplay: choice(o, 'currencyDisplay', ['symbol', 'narrowSymbol', 'code'], 'symbol', what),
      signDisplay: choice(o, 'signDisplay', ['auto', 'always', 'never', 'exceptZero', 'negative'], 'auto', what),
      useGrouping: choice(o, 'useGrouping', [true, false, 'auto', 'always', 'min2', 'true', 'false'], 'auto', what),
      minimumIntegerDigits: bounded('minimumIntegerDigits', 1, 21, 1),
      minimumFractionDigits: min ?? Math.min(places, max ?? places),
      maximumFractionDigits: max ?? Math.max(most, min ?? 0),
      minimumSignificantDigits: bounded('minimumSignificantDigits', 1, 21, o.maximumSignificantDigits === undefined ? undefined : 1),
      maximumSignificantDigits: bounded('maximumSignificantDigits', 1, 21, o.minimumSignificantDigits === undefined ? undefined : 21),
    };
    if (this.#o.currencyDisplay === 'narrowSymbol') throw new RangeError(`${what}: currencyDisplay: "narrowSymbol" is not supported`);
  }

  formatToParts(value) {
    const o = this.#o;
    const number = typeof value === 'bigint' ? value : Number(value);
    const negative = typeof number === 'bigint' ? number < 0n : number < 0 || Object.is(number, -0);
    const body = this.#digits(typeof number === 'bigint' ? (negative ? -number : number) : Math.abs(number));
    const zero = body.every((p) => !/[1-9∞]/.test(p.value)) && !(body[0].type === 'nan');
    const sign = signOf(o.signDisplay, negative, zero, body[0].type === 'nan');
    const parts = [];
    if (sign) parts.push({ type: sign === '-' ? 'minusSign' : 'plusSign', value: sign === '-' ? this.#data.minus ?? '-' : '+' });
    const around = o.style === 'percent' ? this.#data.percent : o.style === 'currency' ? this.#currencyTemplate(body) : '{n}';
    for (const piece of around.split(/(\{\w\})/)) {
      if (piece === '{n}') parts.push(...body);
      else if (piece === '{c}') parts.push({ type: 'currency', value: this.#symbol() });
      else if (piece !== '') for (const c of piece.split(/(%)/)) if (c) parts.push({ type: c === '%' ? 'percentSign' : 'literal', value: c });
    }
    return parts;
  }

  #symbol() {
    const known = symbols[this.#locale][this.#o.currency];
    return this.#o.currencyDisplay === 'symbol' && known ? known : this.#o.currency;
  }
  #currencyTemplate(body) {
    // A code in front is set apart from figures.
    return this.#data.currency.startsWith('{c}') && body[0].type === 'integer' && /[A-Z]$/.test(this.#symbol()) ? '{c}\u00a0{n}' : this.#data.currency;
  }

  #digits(number) {
    if (Number.isNaN(number)) return [{ type: 'nan', value: 'NaN' }];
    if (number === Infinity) return [{ type: 'infinity', value: '∞' }];
    const o = this.#o;
    let [whole, fraction] = decimal(number);
    if (o.style === 'percent') [whole, fraction] = shift(whole, fraction, 2);
    if (o.maximumSignificantDigits !== undefined) {
      const lead = whole === '0' ? -/^0*/.exec(fraction)[0].length : whole.length;
      [whole, fraction] = round(whole, fraction, /^0*$/.test(whole + fraction) ? 0 : o.maximumSignificantDigits - lead);
      const now = whole === '0' ? -/^0*/.exec(fraction)[0].length : whole.length;
      fraction = trim(fraction, Math.max(0, o.minimumSignificantDigits - (/^0*$/.test(whole + fraction) ? 1 : now)));
    } else {
      [whole, fraction] = round(whole, fraction, o.maximumFractionDigits);
      fraction = trim(fraction, o.minimumFractionDigits);
    }
    whole = whole.padStart(o.minimumIntegerDigits, '0');
    const parts = [];
    const least = o.useGrouping === 'min2' ? 5 : 4;
    const groups = o.useGrouping === false || whole.length < least ? [whole] : whole.replace(/\B(?=(\d{3})+$)/g, '_').split('_');
    groups.forEach((g, i) => {
      if (i > 0) parts.push({ type: 'group', value: this.#data.group });
      parts.push({ type: 'integer', value: g });
    });
    if (fraction) parts.push({ type: 'decimal', value: this.#data.decimal }, { type: 'fraction', value: fraction });
    return parts;
  }

  get format() {
    return (value) => this.formatToParts(value).map((p) => p.value).join('');
  }
  formatRange() { throw new RangeError(`${what}.formatRange is not supported`); }

  resolvedOptions() {
    const given = Object.fromEntries(Object.entries(this.#o).filter(([, v]) => v !== undefined));
    return { locale: this.#locale, numberingSystem: 'latn', notation: 'standard', roundingMode: 'halfExpand', roundingIncrement: 1, roundingPriority: 'auto', trailingZeroDisplay: 'auto', ...given };
  }

  static supportedLocalesOf(asked) { return supported(asked); }
  get [Symbol.toStringTag]() { return what; }
}

function signOf(display, negative, zero, nan) {
  switch (display) {
    case 'never': return '';
    case 'always': return negative && !nan ? '-' : '+';
    case 'exceptZero': return zero || nan ? '' : negative ? '-' : '+';
    case 'negative': return negative && !zero ? '-' : '';
    default: return negative && !nan ? '-' : '';
  }
}

// decimal writes a number without an exponent, as [digits, digits after the point].
function decimal(number) {
  const [mantissa, exponent = '0'] = String(number).split('e');
  const [whole, fraction = ''] = mantissa.split('.');
  return shift(whole, fraction, Number(exponent));
}

function shift(whole, fraction, by) {
  if (by >= 0) {
    const padded = fraction.padEnd(by, '0');
    return [(whole + padded.slice(0, by)).replace(/^0+(?=\d)/, ''), padded.slice(by)];
  }
  const padded = whole.padStart(1 - by, '0');
  return [padded.slice(0, by).replace(/^0+(?=\d)/, ''), padded.slice(by) + fraction];
}

// round rounds halves away from zero, at a place after (or, negative, before) the point.
function round(whole, fraction, places) {
  if (fraction.length <= places) return [whole, fraction];
  const all = whole + fraction;
  const keep = whole.length + places;
  if (keep < 0) return ['0', ''];
  let kept = BigInt(all.slice(0, keep) || '0');
  if (all.charCodeAt(keep) >= 53) kept += 1n;
  let text = kept.toString().padStart(keep, '0');
  if (places < 0) return [`${text}${'0'.repeat(-places)}`.replace(/^0+(?=\d)/, ''), ''];
  text = text.padStart(places + 1, '0');
  return [text.slice(0, text.length - places).replace(/^0+(?=\d)/, ''), places ? text.slice(-places) : ''];
}

function trim(fraction, least) {
  let end = fraction.length;
  while (end > least && fraction[end - 1] === '0') end--;
  return fraction.slice(0, end).padEnd(least, '0');
}
