// node:async_hooks, as far as an engine without hooks on `await` allows.
//
// A store is seen by what `run` calls directly, by callbacks of promises, timers and
// microtasks that were made there, and, while an asynchronous `run` is pending, by the
// code after each of its `await`s. Two asynchronous runs of one storage that overlap
// cannot be told apart after an `await`: getStore() then throws NOT_OFFERED rather
// than answer with the wrong store.
import { NotOfferedError } from '../faults.js';

const none = Symbol('none');
const active = new Set(); // storages that have been used; empty in most apps, and then nothing is wrapped
let patched = false;

/** A value that follows a call through its callbacks. */
export class AsyncLocalStorage {
  #now = none; // the store of the code that runs at the moment, if known
  #pending = []; // stores of asynchronous runs that have not ended

  run(store, fn, ...args) {
    patch();
    active.add(this);
    const before = this.#now;
    this.#now = store;
    let result;
    try {
      result = fn(...args);
    } finally {
      this.#now = before;
    }
    if (typeof result?.then !== 'function') return result;
    const entry = { store };
    this.#pending.push(entry);
    const end = () => { this.#pending = this.#pending.filter((e) => e !== entry); };
    result.then(end, end);
    return result;
  }

  getStore() {
    if (this.#now !== none) return this.#now;
    if (this.#pending.length === 0) return undefined;
    if (this.#pending.length > 1) throw new NotOfferedError('AsyncLocalStorage.getStore() after an await, while two runs of one storage overlap,');
    return this.#pending[0].store;
  }

  enterWith(store) {
    patch();
    active.add(this);
    this.#now = store;
  }
  exit(fn, ...args) { return this.run(undefined, fn, ...args); }
  disable() {
    this.#now = none;
    this.#pending = [];
    active.delete(this);
  }

  static bind(fn) { return capture(fn); }
  static snapshot() {
    const inside = capture((fn, ...args) => fn(...args));
    return (fn, ...args) => inside(fn, ...args);
  }

  static swap(storage, store) {
    const before = storage.#now;
    storage.#now = store;
    return before;
  }
}
const swap = AsyncLocalStorage.swap;
delete AsyncLocalStorage.swap;

// capture binds a function to the stores of the moment.
function capture(fn) {
  if (active.size === 0 || typeof fn !== 'function') return fn;
  const stores = [...active].map((s) => {
    const store = swap(s, none);
    swap(s, store);
    return [s, store];
  });
  if (stores.every(([, store]) => store === none)) return fn;
  return function (...args) {
    const before = stores.map(([s, store]) => [s, swap(s, store)]);
    try {
      return fn.apply(this, args);
    } finally {
      for (const [s, store] of before) swap(s, store);
    }
  };
}

// patch wraps what takes callbacks, the first time that a storage is used.
function patch() {
  if (patched) return;
  patched = true;
  const then = Promise.prototype.then;
  Object.defineProperty(Promise.prototype, 'then', {
    value: function (ok, failed) { return then.call(this, capture(ok), capture(failed)); },
    writable: true, configurable: true,
  });
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
    const original = globalThis[name];
    globalThis[name] = Object.defineProperty((fn, ...rest) => original(capture(fn), ...rest), 'name', { value: name });
  }
}

/** A thing that callbacks belong to: they run with the stores of its making. */
export class AsyncResource {
  #run;
  constructor(type) {
    this.type = type;
    this.#run = AsyncLocalStorage.snapshot();
  }
  runInAsyncScope(fn, self, ...args) { return this.#run(() => fn.apply(self, args)); }
  bind(fn) { return (...args) => this.runInAsyncScope(fn, undefined, ...args); }
  emitDestroy() { return this; }
  asyncId() { return 0; }
  triggerAsyncId() { return 0; }
  static bind(fn) { return capture(fn); }
}

/** Hooks that never fire: the engine has none. */
export const createHook = () => ({ enable() { return this; }, disable() { return this; } });
export const executionAsyncId = () => 0;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});
export default { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, triggerAsyncId, executionAsyncResource };
