// performance over the host's clock, which shows whole milliseconds.
import { sinceOrigin, timeOrigin } from './clock.js';
import { structuredClone } from './clone.js';
import { EventTarget } from './events.js';
import { defineInterface, dictionary, need } from './webidl.js';

const token = Symbol('PerformanceEntry');

export class PerformanceEntry {
  #name;
  #type;
  #start;
  #duration;
  constructor(key, name, type, start, duration) {
    if (key !== token) throw new TypeError('Illegal constructor');
    this.#name = name;
    this.#type = type;
    this.#start = start;
    this.#duration = duration;
  }
  get name() { return this.#name; }
  get entryType() { return this.#type; }
  get startTime() { return this.#start; }
  get duration() { return this.#duration; }
  toJSON() {
    void this.#name;
    const { name, entryType, startTime, duration } = this;
    return 'detail' in this ? { name, entryType, startTime, duration, detail: this.detail } : { name, entryType, startTime, duration };
  }
}
defineInterface(PerformanceEntry, 'PerformanceEntry');

const time = (value, what) => {
  const number = Number(value);
  if (!Number.isFinite(number)) throw new TypeError(`${what}: a number of milliseconds is needed`);
  return number;
};
const detailOf = (options) => (options.detail === undefined || options.detail === null ? null : structuredClone(options.detail));

export class PerformanceMark extends PerformanceEntry {
  #detail;
  constructor(name, options = undefined) {
    need(arguments.length, 1, 'PerformanceMark');
    const given = dictionary(options, 'PerformanceMark');
    const start = given.startTime === undefined ? sinceOrigin() : time(given.startTime, 'startTime');
    if (start < 0) throw new TypeError('startTime is not before the beginning');
    super(token, `${name}`, 'mark', start, 0);
    this.#detail = detailOf(given);
  }
  get detail() { return this.#detail; }
}
defineInterface(PerformanceMark, 'PerformanceMark', { length: 1 });

export class PerformanceMeasure extends PerformanceEntry {
  #detail;
  constructor(key, name, start, duration, detail) {
    super(key, name, 'measure', start, duration);
    this.#detail = detail;
  }
  get detail() { return this.#detail; }
}
defineInterface(PerformanceMeasure, 'PerformanceMeasure');

const byStart = (a, b) => a.startTime - b.startTime;
const types = Object.freeze(['mark', 'measure']);
const observers = new Set();

export class Performance extends EventTarget {
  #entries = [];
  constructor(key) {
    if (key !== token) throw new TypeError('Illegal constructor');
    super();
  }
  get timeOrigin() {
    void this.#entries;
    return timeOrigin();
  }
  now() {
    void this.#entries;
    return sinceOrigin();
  }
  mark(name, options = undefined) {
    need(arguments.length, 1, 'performance.mark');
    return this.#add(new PerformanceMark(name, options));
  }
  measure(name, from = undefined, to = undefined) {
    need(arguments.length, 1, 'performance.measure');
    name = `${name}`;
    const bag = typeof from === 'object' && from !== null && ('start' in from || 'end' in from || 'duration' in from || 'detail' in from) ? from : null;
    if (bag) {
      if (to !== undefined) throw new TypeError('performance.measure: options and an end mark cannot both be given');
      if (bag.duration !== undefined && bag.start === undefined && bag.end === undefined) throw new TypeError('performance.measure: a duration needs a start or an end');
      if (bag.start !== undefined && bag.end !== undefined && bag.duration !== undefined) throw new TypeError('performance.measure: of start, end and duration only two');
    }
    const start = bag ? bag.start : typeof from === 'object' ? undefined : from;
    const finish = bag ? bag.end : to;
    const duration = bag?.duration === undefined ? undefined : time(bag.duration, 'duration');
    let end;
    if (finish !== undefined) end = this.#at(finish);
    else if (start !== undefined && duration !== undefined) end = this.#at(start) + duration;
    else end = sinceOrigin();
    let begin = 0;
    if (start !== undefined) begin = this.#at(start);
    else if (duration !== undefined && finish !== undefined) begin = end - duration;
    return this.#add(new PerformanceMeasure(token, name, begin, end - begin, bag ? detailOf(bag) : null));
  }
  getEntries() { return [...this.#entries].sort(byStart); }
  getEntriesByType(type) {
    need(arguments.length, 1, 'performance.getEntriesByType');
    return this.getEntries().filter((e) => e.entryType === `${type}`);
  }
  getEntriesByName(name, type = undefined) {
    need(arguments.length, 1, 'performance.getEntriesByName');
    return this.getEntries().filter((e) => e.name === `${name}` && (type === undefined || e.entryType === `${type}`));
  }
  clearMarks(name = undefined) { this.#clear('mark', name); }
  clearMeasures(name = undefined) { this.#clear('measure', name); }
  toJSON() {
    void this.#entries;
    return { timeOrigin: this.timeOrigin };
  }

  #add(entry) {
    this.#entries.push(entry);
    for (const observer of observers) tell(observer, entry);
    return entry;
  }
  #at(mark) {
    if (typeof mark === 'number') {
      if (mark < 0 || !Number.isFinite(mark)) throw new TypeError('a time is not before the beginning');
      return mark;
    }
    const name = `${mark}`;
    const found = this.#entries.findLast((e) => e.entryType === 'mark' && e.name === name);
    if (!found) throw new DOMException(`the mark ${JSON.stringify(name)} does not exist`, 'SyntaxError');
    return found.startTime;
  }
  #clear(type, name) { this.#entries = this.#entries.filter((e) => e.entryType !== type || (name !== undefined && e.name !== `${name}`)); }
}
defineInterface(Performance, 'Performance');
export const performance = new Performance(token);

export class PerformanceObserverEntryList {
  #entries;
  constructor(key, entries) {
    if (key !== token) throw new TypeError('Illegal constructor');
    this.#entries = entries.sort(byStart);
  }
  getEntries() { return [...this.#entries]; }
  getEntriesByType(type) {
    need(arguments.length, 1, 'getEntriesByType');
    return this.#entries.filter((e) => e.entryType === `${type}`);
  }
  getEntriesByName(name, type = undefined) {
    need(arguments.length, 1, 'getEntriesByName');
    return this.#entries.filter((e) => e.name === `${name}` && (type === undefined || e.entryType === `${type}`));
  }
}
defineInterface(PerformanceObserverEntryList, 'PerformanceObserverEntryList');

export class PerformanceObserver {
  #callback;
  #types = new Set();
  #kind = null; // how it was asked to observe: one type at a time, or several at once
  #waiting = [];
  #told = false;

  constructor(callback) {
    need(arguments.length, 1, 'PerformanceObserver');
    if (typeof callback !== 'function') throw new TypeError('PerformanceObserver: a function is needed');
    this.#callback = callback;
  }

  observe(options = undefined) {
    const { entryTypes, type, buffered } = dictionary(options, 'PerformanceObserver.observe');
    const kind = entryTypes === undefined ? 'single' : 'multiple';
    if (entryTypes === undefined && type === undefined) throw new TypeError('PerformanceObserver.observe: a type is needed');
    if (entryTypes !== undefined && (type !== undefined || buffered !== undefined)) throw new TypeError('PerformanceObserver.observe: entryTypes stands alone');
    if (entryTypes !== undefined && (typeof entryTypes !== 'object' || entryTypes === null)) throw new TypeError('PerformanceObserver.observe: entryTypes is a list');
    if (this.#kind !== null && this.#kind !== kind) throw new DOMException('an observer observes one type at a time or several at once', 'InvalidModificationError');
    const wanted = (kind === 'multiple' ? [...entryTypes].map((t) => `${t}`) : [`${type}`]).filter((t) => types.includes(t));
    this.#kind = kind;
    if (wanted.length === 0) return;
    if (kind === 'multiple') this.#types.clear();
    for (const t of wanted) this.#types.add(t);
    observers.add(this);
    if (kind === 'single' && buffered) for (const entry of performance.getEntriesByType(wanted[0])) this.#take(entry);
  }
  disconnect() {
    observers.delete(this);
    this.#types.clear();
    this.#kind = null;
    this.#waiting = [];
  }
  takeRecords() { return this.#waiting.splice(0); }
  static get supportedEntryTypes() { return types; }

  #take(entry) {
    this.#waiting.push(entry);
    if (this.#told) return;
    this.#told = true;
    setTimeout(() => {
      this.#told = false;
      const entries = this.takeRecords();
      if (entries.length > 0) this.#callback.call(this, new PerformanceObserverEntryList(token, entries), this, { droppedEntriesCount: 0 });
    }, 0);
  }

  static tell(observer, entry) { if (observer.#types.has(entry.entryType)) observer.#take(entry); }
}
const { tell } = PerformanceObserver;
delete PerformanceObserver.tell;
defineInterface(PerformanceObserver, 'PerformanceObserver', { length: 1 });
