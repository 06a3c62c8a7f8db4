// Interface components in a function's bundle. Nothing is drawn yet: a component can
// be imported and put into a tree, and what would draw the tree rejects.
import { NotOfferedError } from './faults.js';

/** A component by name. Calling it, as a renderer would, throws NOT_OFFERED. */
export function component(name) {
  const fn = { [name]() { throw new NotOfferedError(`<${name}>`); } }[name];
  fn[Symbol.for('annex.notOffered')] = true;
  return fn;
}

/** A hook by name. Calling it throws NOT_OFFERED. */
export function hook(name) {
  const fn = { [name]() { throw new NotOfferedError(`${name}()`); } }[name];
  fn[Symbol.for('annex.notOffered')] = true;
  return fn;
}

/** What JSX makes of an element: a plain description. */
export function createElement(type, props, ...children) {
  const { key = null, ...rest } = props ?? {};
  return { type, key, props: children.length ? { ...rest, children } : rest };
}
