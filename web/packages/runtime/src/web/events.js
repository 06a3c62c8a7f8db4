// Event, CustomEvent and EventTarget without a tree: there are no parents to bubble to.

export class Event {
  #target = null;
  #stopped = false;
  #prevented = false;
  #passive = false;

  constructor(type, init = {}) {
    if (arguments.length === 0) throw new TypeError('Event: a type is needed');
    this.type = String(type);
    this.bubbles = Boolean(init.bubbles);
    this.cancelable = Boolean(init.cancelable);
    this.composed = Boolean(init.composed);
    this.timeStamp = 0;
  }

  get target() { return this.#target; }
  get currentTarget() { return this.#target; }
  get srcElement() { return this.#target; }
  get eventPhase() { return this.#target ? 2 : 0; }
  get defaultPrevented() { return this.#prevented; }
  get returnValue() { return !this.#prevented; }
  get isTrusted() { return false; }
  composedPath() { return this.#target ? [this.#target] : []; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }
  preventDefault() { if (this.cancelable && !this.#passive) this.#prevented = true; }

  static dispatch(event, target, listeners) {
    event.#target = target;
    event.#stopped = false;
    for (const l of listeners) {
      if (l.removed) continue;
      if (l.once) target.removeEventListener(event.type, l.callback, l);
      event.#passive = l.passive;
      try {
        if (typeof l.callback === 'function') l.callback.call(target, event);
        else l.callback.handleEvent(event);
      } catch (err) {
        // As in a browser, a listener's error does not reach who dispatched the event.
        queueMicrotask(() => { throw err; });
      }
      if (event.#stopped) break;
    }
    event.#passive = false;
    return !event.#prevented;
  }
}
const dispatch = Event.dispatch;
delete Event.dispatch;
for (const [name, value] of Object.entries({ NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 })) {
  Object.defineProperty(Event, name, { value, enumerable: true });
  Object.defineProperty(Event.prototype, name, { value, enumerable: true });
}

export class CustomEvent extends Event {
  constructor(type, init = {}) {
    super(type, init);
    this.detail = init.detail ?? null;
  }
}

export class EventTarget {
  #listeners = null; // Map: type → list

  addEventListener(type, callback, options) {
    if (callback === null || callback === undefined) return;
    const o = typeof options === 'object' && options !== null ? options : { capture: Boolean(options) };
    if (o.signal?.aborted) return;
    this.#listeners ??= new Map();
    const list = this.#listeners.get(String(type)) ?? [];
    if (list.some((l) => l.callback === callback && l.capture === Boolean(o.capture))) return;
    const added = { callback, capture: Boolean(o.capture), once: Boolean(o.once), passive: Boolean(o.passive), removed: false };
    this.#listeners.set(String(type), [...list, added]);
    o.signal?.addEventListener('abort', () => this.removeEventListener(type, callback, added));
  }

  removeEventListener(type, callback, options) {
    const capture = typeof options === 'object' && options !== null ? Boolean(options.capture) : Boolean(options);
    const list = this.#listeners?.get(String(type));
    const found = list?.find((l) => l.callback === callback && l.capture === capture);
    if (!found) return;
    found.removed = true;
    this.#listeners.set(String(type), list.filter((l) => l !== found));
  }

  /** @returns {boolean} false if a listener prevented the default */
  dispatchEvent(event) {
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent: an Event is needed');
    return dispatch(event, this, this.#listeners?.get(event.type) ?? []);
  }
}

/** Defines an `onx` attribute that is one listener of event `x`. */
export function handlerAttribute(prototype, type) {
  const held = new WeakMap();
  Object.defineProperty(prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get() { return held.get(this)?.callback ?? null; },
    set(callback) {
      const old = held.get(this);
      if (old) this.removeEventListener(type, old.listener);
      held.delete(this);
      if (typeof callback !== 'function') return;
      const listener = (event) => callback.call(this, event);
      held.set(this, { callback, listener });
      this.addEventListener(type, listener);
    },
  });
}
