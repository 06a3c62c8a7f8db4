// What `globalThis.__bridge.callBridge(command, payload)` does in an app's page. Functions
// never leave the page: those that a command takes are kept here, and the host is told their
// names only. Everything else travels as plain data.
import { applyTheme } from './theme.js';
import { makeHistory } from './history.js';

export class BridgeError extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.name = 'BridgeAPIError';
    for (const [k, v] of Object.entries(fields)) if (k !== 'message' && k !== 'stack' && k !== '__proto__') this[k] = v;
  }
}

const isFunction = (v) => typeof v === 'function';

// plain refuses functions anywhere: a page that passes one would wait for a call that never comes.
function plain(value, seen = new Set()) {
  if (isFunction(value) || typeof value === 'symbol') throw new BridgeError('Functions cannot be passed to the host.', { code: 'INVALID_ARGUMENT' });
  if (value === null || typeof value !== 'object') return;
  if (seen.has(value)) return;
  seen.add(value);
  for (const v of Object.values(value)) plain(v, seen);
}

/**
 * makeCallBridge gives callBridge over a connection: `send(command, payload)` asks the host,
 * `listen(fn)` learns of its events.
 */
export function makeCallBridge({ send, listen }) {
  const listeners = new Map(); // "kind event" → Set of functions
  const closers = new Set();
  const modals = new Map();
  const flags = new Map();
  let history;
  let themed = false;

  const happened = {
    event({ kind, name, payload }) {
      for (const fn of [...(listeners.get(`${kind} ${name}`) ?? [])]) guarded(fn, payload);
    },
    async closing() {
      for (const fn of [...closers]) await guarded(fn);
      await send('closed', undefined).catch(() => {});
    },
    modalClosed({ id, payload }) {
      const fn = modals.get(id);
      modals.delete(id);
      if (fn) guarded(fn, payload);
    },
    flagAction({ id, index }) {
      const fn = flags.get(id)?.[index];
      if (fn) guarded(fn);
    },
    theme(theme) {
      if (themed) applyTheme(theme);
    },
    history(location) {
      history?.moved(location);
    },
  };
  listen((event, payload) => {
    if (Object.hasOwn(happened, event)) happened[event](payload ?? {});
  });

  async function guarded(fn, ...args) {
    try {
      await fn(...args);
    } catch (e) {
      setTimeout(() => { throw e; }); // the app's own error, where the browser reports it
    }
  }

  async function on(command, payload) {
    const { event, callback } = payload ?? {};
    if (typeof event !== 'string' || !isFunction(callback)) throw new BridgeError('An event has a name and a function.', { code: 'INVALID_ARGUMENT' });
    const key = `${command} ${event}`;
    if (!listeners.has(key)) listeners.set(key, new Set());
    listeners.get(key).add(callback);
    await send(command, { event });
    return { unsubscribe: () => void listeners.get(key)?.delete(callback) };
  }

  const special = {
    on: (p) => on('on', p),
    onPublic: (p) => on('onPublic', p),
    async onClose(fn) {
      if (isFunction(fn)) closers.add(fn);
      return send('onClose', undefined);
    },
    async openModal(payload) {
      const { onClose, ...rest } = payload ?? {};
      plain(rest);
      const { id } = await send('openModal', rest);
      if (isFunction(onClose)) modals.set(id, onClose);
      return true;
    },
    async showFlag(payload) {
      const { actions: wanted, ...rest } = payload ?? {};
      plain(rest);
      const actions = Array.isArray(wanted) ? wanted : [];
      flags.set(rest.id, actions.map((a) => a?.onClick));
      return send('showFlag', { ...rest, actions: actions.map((a) => ({ text: String(a?.text ?? '') })) });
    },
    async createHistory() {
      history ??= makeHistory(send, await send('createHistory', undefined));
      return history.api;
    },
    async enableTheming() {
      themed = true;
      applyTheme(await send('enableTheming', undefined));
    },
  };

  return async function callBridge(command, payload) {
    if (typeof command !== 'string') throw new BridgeError('A command is a text.', { code: 'INVALID_ARGUMENT' });
    if (Object.hasOwn(special, command)) return special[command](payload);
    plain(payload);
    return send(command, payload);
  };
}
