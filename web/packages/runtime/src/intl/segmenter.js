// Intl.Segmenter. A text is cut where it is looked at, some thousand units at a time.
import { askFor, defineProperty, equip, localeList, make, option, optionsObject, own, readMatcher, resolve, resolved, Slots, supportedLocalesOf, text } from './host.js';

export function Segmenter(locales = undefined, options = undefined) {
  if (new.target === undefined) throw new TypeError("Constructor Intl.Segmenter requires 'new'");
  const list = localeList(locales);
  const o = optionsObject(options);
  readMatcher(o);
  const r = resolve(list, [], {});
  const granularity = option(o, 'granularity', 'string', ['grapheme', 'word', 'sentence'], 'grapheme');
  return make(new.target, Segmenter, { __proto__: null, kind: 'Segmenter', locale: r.locale, granularity });
}
defineProperty(Segmenter, 'length', { value: 0, configurable: true });

const SegmentsPrototype = {};
const SegmentIteratorPrototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));

equip(Segmenter, 'Segmenter', {
  resolvedOptions() {
    const s = Slots.of(this, 'Segmenter', 'prototype.resolvedOptions');
    return resolved([['locale', s.locale], ['granularity', s.granularity]]);
  },
  segment(string) {
    const s = Slots.of(this, 'Segmenter', 'prototype.segment');
    return new Slots(Object.create(SegmentsPrototype), { __proto__: null, kind: 'Segments', granularity: s.granularity, string: `${string}`, ends: [], done: 0 });
  },
}, supportedLocalesOf);

const window = 8192;

// more finds further ends of segments. The last one of a piece may go on in the next.
function more(s) {
  for (let size = window; s.done < s.string.length; size *= 4) {
    const piece = s.string.slice(s.done, s.done + size);
    const last = s.done + piece.length >= s.string.length;
    const ends = askFor('segments', s.granularity, text(piece));
    const whole = last ? ends.length : ends.length - 1;
    for (let i = 0; i < whole; i++) own(s.ends, s.ends.length, ends[i] < 0 ? ends[i] - s.done : ends[i] + s.done);
    if (whole > 0) {
      s.done = Math.abs(s.ends[s.ends.length - 1]);
      return true;
    }
  }
  return false;
}

function segmentData(s, i) {
  const start = i === 0 ? 0 : Math.abs(s.ends[i - 1]);
  const data = {};
  own(data, 'segment', s.string.slice(start, Math.abs(s.ends[i])));
  own(data, 'index', start);
  own(data, 'input', s.string);
  if (s.granularity === 'word') own(data, 'isWordLike', s.ends[i] > 0);
  return data;
}

function define(target, members) {
  const all = Object.getOwnPropertyDescriptors(members);
  for (const key of Reflect.ownKeys(all)) defineProperty(target, key, { ...all[key], enumerable: false });
}

define(SegmentsPrototype, {
  containing(index) {
    const s = Slots.of(this, 'Segments', 'prototype.containing');
    let n = +index;
    n = n !== n ? 0 : Math.trunc(n);
    if (n < 0 || n >= s.string.length) return undefined;
    while (s.done <= n && more(s));
    let low = 0;
    let high = s.ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Math.abs(s.ends[middle]) > n) high = middle;
      else low = middle + 1;
    }
    return segmentData(s, low);
  },
  [Symbol.iterator]() {
    const s = Slots.of(this, 'Segments', 'prototype[Symbol.iterator]');
    return new Slots(Object.create(SegmentIteratorPrototype), { __proto__: null, kind: 'SegmentIterator', of: s, at: 0 });
  },
});
define(SegmentIteratorPrototype, {
  next() {
    const s = Slots.of(this, 'SegmentIterator', 'prototype.next');
    if (s.at >= s.of.ends.length && !more(s.of)) return { value: undefined, done: true };
    return { value: segmentData(s.of, s.at++), done: false };
  },
});
defineProperty(SegmentIteratorPrototype, Symbol.toStringTag, { value: 'Segmenter String Iterator', configurable: true });
