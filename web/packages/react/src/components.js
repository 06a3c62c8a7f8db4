// UI Kit's components. Most are names that the reconciler passes on; those whose props may
// hold elements are functions that have them rendered where hooks work.
import { Fragment, createElement, isValidElement } from 'react';
import { Slot } from './reconciler.js';

// lift takes elements out of a prop and leaves a Slot in the place of each. What is keyed on
// the way to an element, a table's row for instance, tells it from others: its state follows it.
function lift(value, slots, depth, path, above = []) {
  if (typeof value !== 'object' || value === null || depth > 8 || above.includes(value)) return value;
  if (isValidElement(value)) return new Slot(slots.push({ element: value, path: `${path}.${value.key ?? ''}` }) - 1);
  const array = Array.isArray(value);
  if (!array && Object.getPrototypeOf(value) !== Object.prototype) return value;
  let out = value;
  const within = [...above, value];
  for (const name of Object.keys(value)) {
    const was = value[name];
    const is = lift(was, slots, depth + 1, `${path}.${(array ? was?.key : undefined) ?? name}`, within);
    if (is === was) continue;
    if (out === value) out = array ? [...value] : { ...value };
    out[name] = is;
  }
  return out;
}

const slotted = (type, { children, ...props }) => {
  const slots = [];
  const plain = lift(props, slots, 0, '');
  if (slots.length === 0) return createElement(type, plain, children);
  const taken = new Set();
  return createElement(type, plain, children, slots.map(({ element, path }, at) => {
    const key = taken.has(path) ? `${path}$${at}` : path;
    taken.add(key);
    return createElement('$slot', { key, at }, element);
  }));
};

/** A component that the reconciler passes on by its name. */
export const native = (name) => name;

/** A component whose props may hold elements. */
export const open = (name) => ({ [name]: (props) => slotted(name, props) }[name]);

/** A component some of whose props are functions that give elements. */
export const rendering = (name, calls) => ({
  [name]: (props) => {
    const out = { ...props };
    for (const [prop, args] of Object.entries(calls)) {
      if (typeof out[prop] === 'function') out[prop] = createElement(Fragment, null, out[prop](...args(props)));
    }
    return slotted(name, out);
  },
}[name]);
