// Interface components in a function's bundle. Nothing is drawn yet: a component can
// be imported and put into a tree, and what would draw the tree rejects.
import { NotOfferedError, unbuilt } from './faults.js';

/** A component by name. Calling it, as a renderer would, throws NOT_OFFERED. */
export function component(name) {
  return unbuilt({ [name]() { throw new NotOfferedError(`<${name}>`); } }[name]);
}

/** A hook by name. Calling it throws NOT_OFFERED. */
export function hook(name) {
  return unbuilt({ [name]() { throw new NotOfferedError(`${name}()`); } }[name]);
}

/** What JSX makes of an element: a plain description. */
export function createElement(type, props, ...children) {
  const { key = null, ...rest } = props ?? {};
  return { type, key, props: children.length ? { ...rest, children } : rest };
}
