// AbortController and AbortSignal.
import { kernel } from '@annex/runtime/kernel';
import { Event, EventTarget, fire, handlerAttribute } from './events.js';
import { defineInterface, need, wholeIn } from './webidl.js';

const token = Symbol('AbortSignal');

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  #sources = null; // of a signal that depends on others
  #dependents = null;
  #steps = null; // what the platform does on abort, before any listener

  constructor(key) {
    if (key !== token) throw new TypeError('Illegal constructor');
    super();
  }

  static abort(reason = undefined) {
    const signal = new AbortSignal(token);
    signal.#mark(reason);
    return signal;
  }

  static any(signals) {
    need(arguments.length, 1, 'AbortSignal.any');
    const all = [...signals];
    for (const signal of all) if (!(signal instanceof AbortSignal)) throw new TypeError('AbortSignal.any: a list of signals is needed');
    const both = new AbortSignal(token);
    const first = all.find((signal) => signal.#aborted);
    if (first) {
      both.#mark(first.#reason);
      return both;
    }
    both.#sources = new Set();
    for (const signal of all) for (const source of signal.#sources ?? [signal]) both.#sources.add(source);
    for (const source of both.#sources) (source.#dependents ??= new Set()).add(both);
    return both;
  }

  /** Aborts after ms with a TimeoutError. The call does not wait for it. */
  static timeout(ms) {
    need(arguments.length, 1, 'AbortSignal.timeout');
    const after = wholeIn(ms, 0, Number.MAX_SAFE_INTEGER, 'AbortSignal.timeout');
    const signal = new AbortSignal(token);
    // What is longer than a timer can be is longer than any call.
    if (after <= 2147483647) kernel.setTimer(() => signal.#abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError')), after);
    return signal;
  }

  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }

  #mark(reason) {
    this.#aborted = true;
    this.#reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
  }

  #abort(reason) {
    if (this.#aborted) return;
    this.#mark(reason);
    const all = [this];
    for (const dependent of this.#dependents ?? []) {
      if (dependent.#aborted) continue;
      dependent.#mark(this.#reason);
      all.push(dependent);
    }
    for (const signal of all) {
      const steps = signal.#steps;
      signal.#steps = null;
      for (const step of steps ?? []) step(this.#reason);
      fire(signal, () => new Event('abort'));
    }
  }

  static trigger(signal, reason) { signal.#abort(reason); }
  static onAbort(signal, step) {
    if (signal.#aborted) return () => {};
    (signal.#steps ??= new Set()).add(step);
    return () => signal.#steps?.delete(step);
  }
}
const { trigger } = AbortSignal;
/** Runs a step of the platform when a signal aborts; gives what takes it back. */
export const { onAbort } = AbortSignal;
delete AbortSignal.trigger;
delete AbortSignal.onAbort;
defineInterface(AbortSignal, 'AbortSignal');
handlerAttribute(AbortSignal.prototype, 'abort');

export class AbortController {
  #signal = new AbortSignal(token);
  get signal() { return this.#signal; }
  abort(reason = undefined) { trigger(this.#signal, reason); }
}
defineInterface(AbortController, 'AbortController');
