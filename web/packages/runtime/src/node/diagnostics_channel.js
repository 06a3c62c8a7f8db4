// node:diagnostics_channel.
const channels = new Map();

export class Channel {
  #subscribers = [];
  constructor(name) { this.name = name; }
  get hasSubscribers() { return this.#subscribers.length > 0; }
  subscribe(fn) { this.#subscribers = [...this.#subscribers, fn]; }
  unsubscribe(fn) {
    const had = this.#subscribers.includes(fn);
    this.#subscribers = this.#subscribers.filter((s) => s !== fn);
    return had;
  }
  publish(message) { for (const fn of this.#subscribers) fn(message, this.name); }
  runStores(message, fn, self, ...args) {
    this.publish(message);
    return fn.apply(self, args);
  }
}
export function channel(name) {
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
}
export const hasSubscribers = (name) => channels.get(name)?.hasSubscribers ?? false;
export const subscribe = (name, fn) => channel(name).subscribe(fn);
export const unsubscribe = (name, fn) => channel(name).unsubscribe(fn);

/** Five channels around one operation. */
export function tracingChannel(name) {
  const on = (event) => (typeof name === 'string' ? channel(`tracing:${name}:${event}`) : name[event]);
  const [start, end, asyncStart, asyncEnd, error] = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(on);
  const all = { start, end, asyncStart, asyncEnd, error };
  function traceSync(fn, context = {}, self = undefined, ...args) {
    start.publish(context);
    try {
      return (context.result = fn.apply(self, args));
    } catch (err) {
      context.error = err;
      error.publish(context);
      throw err;
    } finally {
      end.publish(context);
    }
  }
  async function tracePromise(fn, context = {}, self = undefined, ...args) {
    start.publish(context);
    try {
      const promise = fn.apply(self, args);
      end.publish(context);
      context.result = await promise;
      asyncStart.publish(context);
      return context.result;
    } catch (err) {
      context.error = err;
      error.publish(context);
      throw err;
    } finally {
      asyncEnd.publish(context);
    }
  }
  return {
    ...all, traceSync, tracePromise,
    get hasSubscribers() { return Object.values(all).some((c) => c.hasSubscribers); },
    subscribe(handlers) { for (const [event, fn] of Object.entries(handlers)) all[event]?.subscribe(fn); },
    unsubscribe(handlers) { for (const [event, fn] of Object.entries(handlers)) all[event]?.unsubscribe(fn); },
  };
}
export default { Channel, channel, hasSubscribers, subscribe, unsubscribe, tracingChannel };
