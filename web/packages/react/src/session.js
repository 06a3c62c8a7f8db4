// A UI Kit session: one user's view of one module in one tab. The host runs it an event at a
// time and parks it in between; its state is the sandbox's memory.
import { kernel } from '@annex/runtime/kernel';
import { NotOfferedError } from '@annex/runtime/faults';
import { Component, createElement } from 'react';
import { callHandle, createRoot } from './reconciler.js';

/** By this symbol a function says that it renders by itself, see @annex/ui. */
export const renders = Symbol.for('annex.renders');

const listeners = new Map(); // shell event → functions
const callbacks = new Map(); // handle → function, of effects
const waiting = []; // what module scope wants done when a session begins
let lastCallback = 0;
let view; // what takes the session's events
let shown = {}; // what the shell said of itself: theme, location

function send(tree) {
  try {
    kernel.emit({ tree });
  } catch (err) {
    uncaught(err); // it is too large
  }
}

// What React says in numbers, in words: those that apps meet.
const said = {
  31: 'an object stands where a text, an element or a list of them belongs',
  130: 'an element has no component: what it names is undefined, perhaps an import that does not exist',
  185: 'components change one another without an end',
  300: 'fewer hooks were called than the time before: hooks are called always, and in the same order',
  301: 'a component changes its state each time it is rendered',
  310: 'more hooks were called than the time before: hooks are called always, and in the same order',
  321: 'a hook was called outside of a component',
};

function inWords(err) {
  const [, number, rest] = /^Minified React error #(\d+);([^ ]*)/.exec(err?.message?.replace?.('; visit ', ';') ?? '') ?? [];
  if (said[number] === undefined) return err;
  const given = [...(rest ?? '').matchAll(/args\[\]=([^&]*)/g)].map(([, a]) => { try { return decodeURIComponent(a); } catch { return a; } }).filter(Boolean);
  try {
    err.message = `${said[number]}${given.length > 0 ? ` (${given.join(', ')})` : ''} [React error ${number}]`;
  } catch {
    // It is frozen.
  }
  return err;
}

/** Logs an error that nobody caught, and says to the user that something failed. */
export function uncaught(err) {
  kernel.log('error', ['uncaught error', inWords(err)]);
  kernel.emit({ error: {} });
}

/** Tells the shell to do something; functions in the payload become handles. */
export function effect(command, payload) {
  kernel.emit({ effect: { command, payload: wire(payload, 0) } });
}

function wire(value, depth) {
  if (typeof value === 'function') {
    const handle = `fx:${++lastCallback}`;
    callbacks.set(handle, value);
    return { $fn: handle };
  }
  if (typeof value !== 'object' || value === null || depth > 16) return value;
  if (Array.isArray(value)) return value.map((v) => wire(v, depth + 1));
  if (typeof value.toJSON === 'function') return value.toJSON();
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, wire(v, depth + 1)]));
}

/** Has fn called with what the shell tells under a name. It returns what takes that back. */
export function listen(event, fn) {
  const list = listeners.get(event) ?? listeners.set(event, new Set()).get(event);
  list.add(fn);
  return () => list.delete(fn);
}

/** What the shell said of itself: theme, location. */
export const surroundings = () => shown;

/**
 * Waits until a session runs. Inside of one it is over at once; at module scope, which runs
 * once for all of them, when the session begins; a function has no page around it.
 */
export async function attended(member) {
  if (kernel.inSession) return;
  if (!kernel.moduleScope) throw new NotOfferedError(`${member} outside of a user interface`);
  await new Promise((begin) => { waiting.push(begin); });
}

class Boundary extends Component {
  constructor(props) {
    super(props);
    this.state = { failed: false };
  }

  static getDerivedStateFromError() {
    return { failed: true };
  }

  componentDidCatch(err) {
    uncaught(err);
  }

  render() {
    if (!this.state.failed) return this.props.children;
    return createElement('SectionMessage', { appearance: 'error', title: 'Something went wrong' }, createElement('Text', null, 'The app could not show this.'));
  }
}

// fromEntry shows what a UI Kit entry rendered at module scope.
function fromEntry(entry, config) {
  const element = config ? entry.config ?? entry.root : entry.root;
  createRoot(config && entry.config !== undefined ? 'MacroConfig' : 'Root', send).render(createElement(Boundary, null, element));
  return { call: callHandle };
}

function call(handle, args) {
  const own = callbacks.get(handle);
  return own === undefined ? view.call(handle, args) : own(...args);
}

function guard(run) {
  try {
    const out = run();
    if (typeof out?.then === 'function') Promise.resolve(out).then(undefined, uncaught);
  } catch (err) {
    uncaught(err);
  }
}

kernel.defineSession((target, event) => {
  switch (event.type) {
    case 'open':
      shown = event.shell ?? {};
      for (const begin of waiting.splice(0)) begin();
      guard(() => {
        view = typeof target === 'function' ? target[renders]?.(send, event) : fromEntry(target, event.config);
        if (view === undefined) throw new Error('the function renders no user interface: export what ForgeUI.render gives');
      });
      break;
    case 'event':
      guard(() => call(event.handle, event.args ?? []));
      break;
    case 'shell':
      shown = { ...shown, ...event.state };
      for (const fn of listeners.get(event.event) ?? []) guard(() => fn(event.payload));
      break;
    default: // a timer of the app's own is due
  }
});

/** What an app's entry calls at module scope: what it shows is kept for the sessions to come. */
export const ForgeReconciler = Object.freeze({
  render(element) {
    const into = kernel.collected();
    if (into === undefined) throw new NotOfferedError('ForgeReconciler.render outside of a UI Kit resource’s module scope');
    into.root = element;
  },
  addConfig(element) {
    const into = kernel.collected();
    if (into === undefined) throw new NotOfferedError('ForgeReconciler.addConfig outside of a UI Kit resource’s module scope');
    into.config = element;
  },
});
