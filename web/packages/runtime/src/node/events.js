// node:events, from the npm package of that name, with what Node.js added since.
import EventEmitter from 'events/events.js';

export { EventEmitter };
export const { once, defaultMaxListeners } = EventEmitter;
export const listenerCount = (emitter, type) => emitter.listenerCount(type);
export const getEventListeners = (emitter, type) => emitter.listeners(type);
export const setMaxListeners = (n, ...emitters) => { for (const e of emitters) e.setMaxListeners?.(n); };
export const errorMonitor = Symbol('events.errorMonitor');
export const captureRejectionSymbol = Symbol.for('nodejs.rejection');

/** The events of a type, one after another, for `for await`. */
export function on(emitter, type, { signal } = {}) {
  signal?.throwIfAborted();
  const events = [];
  const waiting = [];
  let failure = null;
  let done = false;
  const onEvent = (...args) => (waiting.length ? waiting.shift().resolve({ value: args, done: false }) : events.push(args));
  const fail = (err) => {
    if (waiting.length) waiting.shift().reject(err);
    else failure = err;
    finish();
  };
  const onAbort = () => fail(signal.reason);
  function finish() {
    done = true;
    emitter.off(type, onEvent);
    emitter.off('error', fail);
    signal?.removeEventListener('abort', onAbort);
    for (const w of waiting.splice(0)) w.resolve({ value: undefined, done: true });
  }
  emitter.on(type, onEvent);
  if (type !== 'error') emitter.on('error', fail);
  signal?.addEventListener('abort', onAbort);
  return {
    async next() {
      if (events.length) return { value: events.shift(), done: false };
      if (failure) {
        const err = failure;
        failure = null;
        throw err;
      }
      if (done) return { value: undefined, done: true };
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    async return() {
      finish();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() { return this; },
  };
}

Object.assign(EventEmitter, { on, getEventListeners, setMaxListeners, errorMonitor, captureRejectionSymbol });
export default EventEmitter;
