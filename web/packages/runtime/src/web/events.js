// Event, CustomEvent and EventTarget without a tree: there are no parents to bubble to.
import { sinceOrigin } from './clock.js';
import { defineInterface, dictionary, need } from './webidl.js';

let trustNext = false; // whether the next event is one of the platform's own

export class Event {
  #type;
  #bubbles;
  #cancelable;
  #composed;
  #time = sinceOrigin();
  #target = null;
  #current = null;
  #phase = 0;
  #stopped = false;
  #stoppedAll = false;
  #prevented = false;
  #passive = false;
  #dispatching = false;
  #trusted = trustNext;

  constructor(type, init = undefined) {
    need(arguments.length, 1, 'Event');
    this.#type = `${type}`;
    const options = dictionary(init, 'Event');
    this.#bubbles = Boolean(options.bubbles);
    this.#cancelable = Boolean(options.cancelable);
    this.#composed = Boolean(options.composed);
    Object.defineProperty(this, 'isTrusted', { get: isTrusted, enumerable: true });
  }

  get type() { return this.#type; }
  get target() { return this.#target; }
  get srcElement() { return this.#target; }
  get currentTarget() { return this.#current; }
  composedPath() { return this.#current ? [this.#current] : []; }
  get eventPhase() { return this.#phase; }
  stopPropagation() { this.#stopped = true; }
  get cancelBubble() { return this.#stopped; }
  set cancelBubble(stop) { if (stop) this.#stopped = true; }
  stopImmediatePropagation() { this.#stopped = this.#stoppedAll = true; }
  get bubbles() { return this.#bubbles; }
  get cancelable() { return this.#cancelable; }
  get returnValue() { return !this.#prevented; }
  set returnValue(go) { if (!go) this.preventDefault(); }
  preventDefault() { if (this.#cancelable && !this.#passive) this.#prevented = true; }
  get defaultPrevented() { return this.#prevented; }
  get composed() { return this.#composed; }
  get timeStamp() { return this.#time; }

  initEvent(type, bubbles = false, cancelable = false) {
    need(arguments.length, 1, 'Event.initEvent');
    if (this.#dispatching) return;
    this.#type = `${type}`;
    this.#bubbles = Boolean(bubbles);
    this.#cancelable = Boolean(cancelable);
    this.#stopped = this.#stoppedAll = this.#prevented = false;
    this.#trusted = false;
    this.#target = null;
  }

  static trusted(event) { return event.#trusted; }
  static distrust(event) { event.#trusted = false; }

  static dispatch(event, target, list) {
    if (event.#dispatching) throw new DOMException('the event is being dispatched', 'InvalidStateError');
    event.#dispatching = true;
    event.#target = event.#current = target;
    event.#phase = 2;
    // Capturing listeners of a target come first.
    if (!event.#stopped) {
      for (const capture of [true, false]) {
        for (const l of list()) {
          if (event.#stoppedAll) break;
          if (l.removed || l.capture !== capture || l.type !== event.#type) continue;
          call(event, target, l);
        }
        if (event.#stopped) break;
      }
    }
    event.#phase = 0;
    event.#current = null;
    event.#stopped = event.#stoppedAll = event.#dispatching = false;
    return !event.#prevented;
  }

  static passive(event, on) { event.#passive = on; }
}
const { dispatch, trusted, distrust, passive } = Event;
for (const name of ['dispatch', 'trusted', 'distrust', 'passive']) delete Event[name];
const isTrusted = Object.getOwnPropertyDescriptor({ get isTrusted() { return trusted(this); } }, 'isTrusted').get;
defineInterface(Event, 'Event', { length: 1, constants: { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 } });

function call(event, target, listener) {
  if (listener.once) listener.remove();
  passive(event, listener.passive);
  try {
    if (typeof listener.callback === 'function') listener.callback.call(target, event);
    else {
      const { handleEvent } = listener.callback;
      if (typeof handleEvent !== 'function') throw new TypeError('a listener is a function or has a function handleEvent');
      handleEvent.call(listener.callback, event);
    }
  } catch (err) {
    // As in Node.js, a listener's error does not reach who dispatched the event, and is
    // nobody's to catch.
    queueMicrotask(() => { throw err; });
  }
  passive(event, false);
}

export class CustomEvent extends Event {
  #detail;
  constructor(type, init = undefined) {
    super(...arguments);
    this.#detail = dictionary(init, 'CustomEvent').detail ?? null;
  }
  get detail() { return this.#detail; }
  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    need(arguments.length, 1, 'CustomEvent.initCustomEvent');
    if (this.eventPhase !== 0) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}
defineInterface(CustomEvent, 'CustomEvent', { length: 1 });

export class EventTarget {
  #listeners = null;

  addEventListener(type, callback, options = undefined) {
    need(arguments.length, 2, 'addEventListener');
    type = `${type}`;
    checkCallback(callback);
    const capture = captureOf(options);
    let once = false;
    let passive = false;
    let signal;
    if (isObject(options)) {
      once = Boolean(options.once);
      passive = Boolean(options.passive);
      signal = options.signal;
      if (signal !== undefined && !(signal instanceof EventTarget && 'aborted' in signal)) throw new TypeError('addEventListener: signal must be an AbortSignal');
    }
    if (callback === null || callback === undefined || signal?.aborted) return;
    const list = (this.#listeners ??= []);
    if (list.some((l) => l.type === type && l.callback === callback && l.capture === capture)) return;
    const listener = {
      type, callback, capture, once, passive, removed: false,
      remove: () => {
        listener.removed = true;
        this.#listeners = this.#listeners.filter((l) => l !== listener);
      },
    };
    this.#listeners = [...list, listener];
    signal?.addEventListener('abort', listener.remove);
  }

  removeEventListener(type, callback, options = undefined) {
    need(arguments.length, 2, 'removeEventListener');
    type = `${type}`;
    checkCallback(callback);
    const capture = captureOf(options);
    this.#listeners?.find((l) => l.type === type && l.callback === callback && l.capture === capture)?.remove();
  }

  /** @returns {boolean} false if a listener prevented the default */
  dispatchEvent(event) {
    need(arguments.length, 1, 'dispatchEvent');
    if (!(event instanceof Event)) throw new TypeError('dispatchEvent: an Event is needed');
    void this.#listeners;
    if (event.eventPhase === 0) distrust(event);
    return dispatch(event, this, () => this.#listeners ?? []);
  }

  static fire(target, event) { dispatch(event, target, () => target.#listeners ?? []); }
}
const { fire: fireAt } = EventTarget;
delete EventTarget.fire;
defineInterface(EventTarget, 'EventTarget');

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';
const captureOf = (options) => Boolean(isObject(options) ? options.capture : options);

function checkCallback(callback) {
  if (callback !== null && callback !== undefined && !isObject(callback)) throw new TypeError('a listener is a function or an object');
}

/** Dispatches an event of the platform's own, made by `make`. */
export function fire(target, make) {
  trustNext = true;
  let event;
  try {
    event = make();
  } finally {
    trustNext = false;
  }
  fireAt(target, event);
}

/** Defines an `onx` attribute that is one listener of event `x`. */
export function handlerAttribute(prototype, type, onSet) {
  const held = new WeakMap();
  Object.defineProperty(prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get() { return held.get(this)?.callback ?? null; },
    set(callback) {
      const old = held.get(this);
      const wanted = isObject(callback) ? callback : null;
      if (wanted === null) {
        held.delete(this);
        old?.remove();
        return;
      }
      onSet?.(this);
      if (old) {
        old.callback = wanted; // it keeps its place among the listeners
        return;
      }
      const entry = { callback: wanted };
      const listener = function (event) {
        if (typeof entry.callback !== 'function') return;
        if (entry.callback.call(this, event) === false) event.preventDefault();
      };
      entry.remove = () => this.removeEventListener(type, listener);
      held.set(this, entry);
      this.addEventListener(type, listener);
    },
  });
}
