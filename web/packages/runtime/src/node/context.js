// The stores of the code that runs at the moment: a map from AsyncLocalStorage to its
// store, never changed once made. Undefined in apps that have none.
let current;

export const frame = () => current;
export const setFrame = (next) => { current = next; };

/** A function that runs with the stores of the moment. Anything else is given back. */
export function bind(fn) {
  if (typeof fn !== 'function') return fn;
  const stores = current;
  return function (...args) {
    const before = current;
    current = stores;
    try {
      return fn.apply(this, args);
    } finally {
      current = before;
    }
  };
}
