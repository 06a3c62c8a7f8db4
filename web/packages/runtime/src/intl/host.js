// What Intl's classes are made of: questions to the host, which knows the locales, and
// the small print that ECMA-402 has in common for all of them.
import { kernel } from '@annex/runtime/kernel';

const { parse, stringify } = JSON;
const { create, defineProperty, getOwnPropertyDescriptors, hasOwn } = Object;
const native = kernel.native;

/** Asks the host. What it cannot make anything of is a RangeError. */
export function ask(op, a, b, c) {
  try {
    return native('intl', op, a, b, c);
  } catch (err) {
    if (err?.name === 'RangeError') throw new RangeError(err.message);
    throw err;
  }
}

/** Asks for several values. */
export const askFor = (op, a, b, c) => parse(ask(op, a, b, c));

/** A text of a configuration, by which the host knows it again. */
export const config = (fields) => stringify(fields);

// A text goes to the host as UTF-8, which has no lone surrogates.
const wellFormed = Function.prototype.call.bind(String.prototype.toWellFormed);
export const text = (value) => wellFormed(value);

/** An object's internal slots: a brand that nothing outside can forge or read. */
export class Slots extends (class { constructor(object) { return object; } }) {
  #slots;
  constructor(object, slots) {
    super(object);
    this.#slots = slots;
  }
  static has(object) {
    return isObject(object) && #slots in object;
  }
  static of(object, kind, method) {
    const slots = isObject(object) && #slots in object ? object.#slots : undefined;
    if (slots?.kind !== kind) throw new TypeError(`Method Intl.${kind}.${method} called on incompatible receiver ${describe(object)}`);
    return slots;
  }
  static kindOf(object) {
    return isObject(object) && #slots in object ? object.#slots.kind : undefined;
  }
  static peek(object) {
    return object.#slots;
  }
}

export const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

function describe(value) {
  try {
    return typeof value === 'symbol' ? value.toString() : isObject(value) ? '[object Object]' : `${value}`;
  } catch {
    return 'a value';
  }
}

/** Makes the object of a constructor, for `new` and for subclasses. */
export function make(newTarget, Class, slots) {
  const proto = newTarget.prototype;
  const object = create(isObject(proto) ? proto : Class.prototype);
  return new Slots(object, slots);
}

/**
 * Gives a class its members: functions of `methods` and accessors, as the built-in ones
 * are, and a name in Object.prototype.toString.
 */
export function equip(Class, name, methods, statics = {}) {
  defineProperty(Class, 'prototype', { writable: false });
  for (const [target, members] of [[Class.prototype, methods], [Class, statics]]) {
    const all = getOwnPropertyDescriptors(members);
    for (const key of Reflect.ownKeys(all)) defineProperty(target, key, { ...all[key], enumerable: false });
  }
  defineProperty(Class.prototype, Symbol.toStringTag, { value: `Intl.${name}`, configurable: true });
  return Class;
}

/** CanonicalizeLocaleList */
export function localeList(locales) {
  if (locales === undefined) return [];
  if (typeof locales === 'string') return [canonical(locales)];
  if (Slots.kindOf(locales) === 'Locale') return [Slots.peek(locales).tag];
  if (locales === null) throw new TypeError('Cannot convert undefined or null to object');
  const from = Object(locales);
  const seen = [];
  const length = toLength(from.length);
  for (let k = 0; k < length; k++) {
    if (!(k in from)) continue;
    const value = from[k];
    if (typeof value !== 'string' && !isObject(value)) throw new TypeError('Incorrect locale information provided');
    const tag = Slots.kindOf(value) === 'Locale' ? Slots.peek(value).tag : canonical(`${value}`);
    let known = false;
    for (let i = 0; i < seen.length; i++) known ||= seen[i] === tag;
    if (!known) defineProperty(seen, seen.length, { value: tag, writable: true, enumerable: true, configurable: true });
  }
  return seen;
}

function toLength(value) {
  const n = Math.trunc(Number(value));
  return n > 0 ? Math.min(n, Number.MAX_SAFE_INTEGER) : 0;
}

/** @throws {RangeError} if the tag is malformed */
export const canonical = (tag) => ask('canon', text(tag));

/** SupportedLocales */
export function supported(locales, options) {
  const list = localeList(locales);
  const o = coerced(options);
  option(o, 'localeMatcher', 'string', ['lookup', 'best fit'], 'best fit');
  return askFor('lookup', stringify(list));
}

export const supportedLocalesOf = { supportedLocalesOf(locales, options = undefined) { return supported(locales, options); } };
defineProperty(supportedLocalesOf.supportedLocalesOf, 'length', { value: 1, configurable: true });

/** GetOptionsObject */
export function optionsObject(options) {
  if (options === undefined) return create(null);
  if (!isObject(options)) throw new TypeError('Incorrect options provided');
  return options;
}

/** CoerceOptionsToObject */
export function coerced(options) {
  if (options === undefined) return create(null);
  if (options === null) throw new TypeError('Cannot convert undefined or null to object');
  return Object(options);
}

/** GetOption */
export function option(options, name, type, values, otherwise) {
  let value = options[name];
  if (value === undefined) return otherwise;
  value = type === 'boolean' ? Boolean(value) : `${value}`;
  if (values !== undefined) check(values, value, name);
  return value;
}

export function check(values, value, name) {
  for (let i = 0; i < values.length; i++) if (values[i] === value) return;
  throw new RangeError(`Value ${value} out of range for Intl options property ${name}`);
}

/** GetNumberOption */
export const numberOption = (options, name, low, high, otherwise) => bounded(options[name], name, low, high, otherwise);

/** DefaultNumberOption */
export function bounded(value, name, low, high, otherwise) {
  if (value === undefined) return otherwise;
  value = +value;
  if (!(value >= low && value <= high)) throw new RangeError(`${name} value is out of range.`);
  return Math.floor(value);
}

const typePattern = /^[a-z0-9]{3,8}(-[a-z0-9]{3,8})*$/i;

/** An option that is a value of a locale's extension. */
export function typeOption(options, name) {
  const value = option(options, name, 'string', undefined, undefined);
  if (value !== undefined && !matches(typePattern, value)) throw new RangeError(`Invalid ${name} : ${value}`);
  return value;
}

const exec = Function.prototype.call.bind(RegExp.prototype.exec);
export const matches = (pattern, value) => exec(pattern, value) !== null;
export const found = (pattern, value) => exec(pattern, value);

export const readMatcher = (o) => option(o, 'localeMatcher', 'string', ['lookup', 'best fit'], 'best fit');

/** ResolveLocale: what a list of locales and the options say of a service's keys. */
export function resolve(locales, keys, options) {
  const given = { __proto__: null };
  for (let i = 0; i < keys.length; i++) if (options[keys[i]] !== undefined && options[keys[i]] !== null) given[keys[i]] = `${options[keys[i]]}`;
  const answer = askFor('resolve', stringify({ Locales: locales, Keys: keys, Options: given }));
  return { __proto__: null, locale: answer.locale, data: answer.data, ...answer.values };
}

/** Makes an object of the fields that have a value, in their order. */
export function resolved(fields) {
  const out = {};
  for (let i = 0; i < fields.length; i++) if (fields[i][1] !== undefined) own(out, fields[i][0], fields[i][1]);
  return out;
}

/** Defines a plain property, whatever a prototype has of that name. */
export const own = (object, name, value) => defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });

export { create, defineProperty, hasOwn, parse, stringify };
