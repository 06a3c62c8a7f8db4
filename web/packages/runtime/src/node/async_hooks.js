// node:async_hooks: AsyncLocalStorage over an engine that tells nobody about `await`.
//
// Where an app or a dependency imports this module, the bundler turns asynchronous
// functions into generators that go on by Promise.prototype.then. Here `then`, timers and
// microtasks are wrapped: each callback runs with the stores of the code that made it.
// So a store follows its run through awaits, timers, host calls and events, and runs that
// overlap keep theirs apart.
import { bind, frame, setFrame } from './context.js';

let patched = false;

/** A value that follows a call through its callbacks. */
export class AsyncLocalStorage {
  #initial;
  constructor({ defaultValue, name = '' } = {}) {
    this.#initial = defaultValue;
    this.name = name;
    patch();
  }
  run(store, fn, ...args) {
    const before = frame();
    setFrame(new Map(before).set(this, store));
    try {
      return fn(...args);
    } finally {
      setFrame(before);
    }
  }
  exit(fn, ...args) { return this.run(undefined, fn, ...args); }
  getStore() {
    const now = frame();
    return now?.has(this) ? now.get(this) : this.#initial;
  }
  enterWith(store) { setFrame(new Map(frame()).set(this, store)); }
  disable() {
    const rest = new Map(frame());
    rest.delete(this);
    setFrame(rest);
  }
  static bind(fn) { return bind(fn); }
  static snapshot() { return bind((fn, ...args) => fn(...args)); }
}

// patch wraps what takes callbacks, when the first storage is made.
function patch() {
  if (patched) return;
  patched = true;
  const define = (target, name, value) => Object.defineProperty(target, name, { value, writable: true, configurable: true });
  const { then } = Promise.prototype;
  define(Promise.prototype, 'then', {
    then(ok, failed) { return then.call(this, bind(ok), bind(failed)); },
  }.then);
  // What is not a promise but has a `then` is asked in a job of its own: with the stores
  // of the code that awaits it.
  const { resolve } = Promise;
  define(Promise, 'resolve', {
    resolve(value) {
      const lazy = (typeof value === 'object' || typeof value === 'function') && value !== null && !(value instanceof Promise) && typeof value.then === 'function';
      return resolve.call(this, lazy ? { then: bind((ok, failed) => value.then(ok, failed)) } : value);
    },
  }.resolve);
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
    const original = globalThis[name];
    define(globalThis, name, { [name]: (fn, ...rest) => original(bind(fn), ...rest) }[name]);
  }
}

let ids = 1;

/** A thing that callbacks belong to: they run with the stores of its making. */
export class AsyncResource {
  #run = AsyncLocalStorage.snapshot();
  #id = ++ids;
  constructor(type) { this.type = type; }
  runInAsyncScope(fn, self, ...args) { return this.#run(() => fn.apply(self, args)); }
  bind(fn, self) {
    const resource = this;
    return function (...args) { return resource.runInAsyncScope(fn, self === undefined ? this : self, ...args); };
  }
  emitDestroy() { return this; }
  asyncId() { return this.#id; }
  triggerAsyncId() { return 1; }
  static bind(fn, type, self) { return new AsyncResource(type).bind(fn, self); }
}

/** Hooks that never fire: the engine has none. */
export const createHook = () => ({ enable() { return this; }, disable() { return this; } });
export const executionAsyncId = () => 1;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});
export default { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, triggerAsyncId, executionAsyncResource };
