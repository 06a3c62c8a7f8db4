// AbortController and AbortSignal.
import { kernel } from '@annex/runtime/kernel';
import { Event, EventTarget, handlerAttribute } from './events.js';

const token = Symbol('AbortSignal');

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;

  constructor(key) {
    if (key !== token) throw new TypeError('Illegal constructor');
    super();
  }

  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.#aborted) throw this.#reason; }

  static abort(reason) {
    const signal = new AbortSignal(token);
    abort(signal, reason);
    return signal;
  }

  /** Aborts after ms with a TimeoutError. The call does not wait for it. */
  static timeout(ms) {
    const signal = new AbortSignal(token);
    kernel.setTimer(() => abort(signal, new DOMException('The operation was aborted due to timeout', 'TimeoutError')), ms);
    return signal;
  }

  static any(signals) {
    const both = new AbortSignal(token);
    for (const signal of signals) {
      if (signal.aborted) {
        abort(both, signal.reason);
        return both;
      }
    }
    for (const signal of signals) signal.addEventListener('abort', () => abort(both, signal.reason), { once: true });
    return both;
  }

  static trigger(signal, reason) {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason;
    signal.dispatchEvent(new Event('abort'));
  }
}
const abort = AbortSignal.trigger;
delete AbortSignal.trigger;
handlerAttribute(AbortSignal.prototype, 'abort');

export class AbortController {
  #signal = new AbortSignal(token);
  get signal() { return this.#signal; }
  abort(reason) { abort(this.#signal, reason); }
}
