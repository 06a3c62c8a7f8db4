// What Web IDL asks of every interface, so that each class says only what is its own:
// members enumerable on the prototype, a class string, conversions that refuse symbols.

/**
 * Gives a class the look of a web interface.
 * @param {Function} Class
 * @param {string} name its name, also as a class string; bundling may have changed it
 * @param {{length?: number, constants?: Record<string, number>}} [more] length is the number of arguments that `new` needs
 */
export function defineInterface(Class, name, { length = 0, constants = {} } = {}) {
  const { prototype } = Class;
  for (const target of [prototype, Class]) {
    for (const [key, own] of Object.entries(Object.getOwnPropertyDescriptors(target))) {
      if (key === 'constructor' || (target === Class && (key === 'length' || key === 'name' || key === 'prototype'))) continue;
      Object.defineProperty(target, key, { ...own, enumerable: true });
    }
    for (const [key, value] of Object.entries(constants)) Object.defineProperty(target, key, { value, enumerable: true });
  }
  Object.defineProperty(Class, 'name', { value: name, configurable: true });
  Object.defineProperty(Class, 'length', { value: length, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/**
 * A class that extends this one gives its private fields to the object that it is
 * constructed from: interfaces include it without descending from it.
 */
export class Anything {
  constructor(target) { return target; }
}

/** @throws {TypeError} when fewer arguments were given than are needed */
export function need(given, wanted, what) {
  if (given < wanted) throw new TypeError(`${what}: ${wanted} argument${wanted === 1 ? ' is' : 's are'} needed, ${given} given`);
}

const none = Object.freeze({ __proto__: null });

/** An options object; undefined and null are one without members. */
export function dictionary(value, what) {
  if (value === undefined || value === null) return none;
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError(`${what}: options must be an object`);
  return value;
}

/** A string without lone surrogates. A symbol is a TypeError. */
export const usv = (value) => `${value}`.toWellFormed();

/** One of the words of an enumeration. */
export function oneOf(words, value, what) {
  const word = `${value}`;
  if (!words.includes(word)) throw new TypeError(`${what}: ${JSON.stringify(word)} is none of ${words.join(', ')}`);
  return word;
}

/** A whole number in a range, or a TypeError. */
export function wholeIn(value, low, high, what) {
  const number = Math.trunc(Number(value));
  if (!(number >= low && number <= high)) throw new TypeError(`${what}: a whole number from ${low} to ${high} is needed`);
  return number + 0;
}

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/**
 * Gives an interface keys(), values(), entries(), forEach() and an iterator over the pairs
 * that `at(object, index)` answers, undefined at the end; changes while iterating show.
 */
export function iterable(Class, name, at) {
  const advance = new WeakMap();
  const prototype = Object.create(iteratorPrototype);
  const next = { next() {
    const step = advance.get(this);
    if (!step) throw new TypeError(`this is no iterator of ${name}`);
    return step();
  } }.next;
  Object.defineProperty(prototype, 'next', { value: next, writable: true, enumerable: true, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
  const over = (object, pick) => {
    at(object, 0); // which refuses what is no object of the class
    let index = 0;
    const iterator = Object.create(prototype);
    advance.set(iterator, () => {
      const pair = at(object, index++);
      return pair === undefined ? { value: undefined, done: true } : { value: pick(pair), done: false };
    });
    return iterator;
  };
  const methods = {
    entries() { return over(this, (pair) => [pair[0], pair[1]]); },
    keys() { return over(this, (pair) => pair[0]); },
    values() { return over(this, (pair) => pair[1]); },
    forEach(callback, self = undefined) {
      at(this, 0);
      if (typeof callback !== 'function') throw new TypeError(`${name}.forEach: a function is needed`);
      for (let i = 0; ; i++) {
        const pair = at(this, i);
        if (pair === undefined) return;
        callback.call(self, pair[1], pair[0], this);
      }
    },
  };
  Object.defineProperty(methods.forEach, 'length', { value: 1, configurable: true });
  for (const [key, value] of Object.entries(methods)) {
    Object.defineProperty(Class.prototype, key, { value, writable: true, enumerable: true, configurable: true });
  }
  Object.defineProperty(Class.prototype, Symbol.iterator, { value: methods.entries, writable: true, configurable: true });
}
