// performance over the host's clock, which shows whole milliseconds. Its origin is the
// first reading in a call: nothing of an earlier call is visible.
import { kernel } from '@annex/runtime/kernel';

let origin; // stays unset at module scope, so that a snapshot holds none

function start() {
  if (origin === undefined) {
    const now = kernel.now();
    if (kernel.moduleScope) return now;
    origin = now;
  }
  return origin;
}

export class Performance {
  #entries = [];
  get timeOrigin() { return start(); }
  now() {
    const from = start();
    return kernel.now() - from;
  }
  mark(name, options = {}) { return this.#add({ name: String(name), entryType: 'mark', startTime: options.startTime ?? this.now(), duration: 0, detail: options.detail ?? null }); }
  measure(name, from, to) {
    const at = (mark, otherwise) => (mark === undefined ? otherwise : typeof mark === 'number' ? mark : this.#find(mark));
    const options = typeof from === 'object' && from !== null ? from : { start: from, end: to };
    const startTime = at(options.start, 0);
    const duration = options.duration ?? at(options.end, this.now()) - startTime;
    return this.#add({ name: String(name), entryType: 'measure', startTime, duration, detail: options.detail ?? null });
  }
  getEntries() { return [...this.#entries]; }
  getEntriesByName(name, type) { return this.#entries.filter((e) => e.name === name && (type === undefined || e.entryType === type)); }
  getEntriesByType(type) { return this.#entries.filter((e) => e.entryType === type); }
  clearMarks(name) { this.#clear('mark', name); }
  clearMeasures(name) { this.#clear('measure', name); }
  toJSON() { return { timeOrigin: this.timeOrigin }; }

  #add(entry) {
    this.#entries.push(entry);
    return entry;
  }
  #find(mark) {
    const found = this.#entries.findLast((e) => e.entryType === 'mark' && e.name === mark);
    if (!found) throw new SyntaxError(`performance: there is no mark ${JSON.stringify(mark)}`);
    return found.startTime;
  }
  #clear(type, name) { this.#entries = this.#entries.filter((e) => e.entryType !== type || (name !== undefined && e.name !== name)); }
}
export const performance = new Performance();
