// Headers. A guard refuses what may not be changed; which headers leave is the server's
// decision, not this one's.
import { defineInterface, iterable, need } from './webidl.js';

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Headers {
  #list = []; // [lower-case name, value], in order
  #sorted = null; // the pairs as iterating shows them, until something changes
  #immutable = false;

  constructor(init = undefined) {
    if (init === undefined) return;
    if (init === null || (typeof init !== 'object' && typeof init !== 'function')) throw new TypeError('Headers: an object, a list of pairs or Headers is needed');
    const iterate = init[Symbol.iterator];
    if (iterate !== undefined && iterate !== null) {
      if (init instanceof Headers && iterate === Headers.prototype[Symbol.iterator]) {
        this.#list = init.#list.map((pair) => [...pair]);
        return;
      }
      // All is converted before anything is appended.
      const pairs = [];
      for (const pair of init) {
        if (typeof pair !== 'object' || pair === null) throw new TypeError('Headers: each pair is a list');
        pairs.push([...pair].map((part) => `${part}`));
      }
      for (const pair of pairs) {
        if (pair.length !== 2) throw new TypeError('Headers: each pair has a name and a value');
        this.append(pair[0], pair[1]);
      }
      return;
    }
    const record = [];
    for (const key of Reflect.ownKeys(init)) {
      if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) record.push([byteString(key), byteString(init[key])]);
    }
    for (const [name, value] of record) this.append(name, value);
  }

  append(name, value) {
    need(arguments.length, 2, 'Headers.append');
    const pair = [nameOf(name), valueOf(name, value)];
    this.#change();
    this.#list.push(pair);
  }
  delete(name) {
    need(arguments.length, 1, 'Headers.delete');
    name = nameOf(name);
    this.#change();
    this.#list = this.#list.filter(([n]) => n !== name);
  }
  get(name) {
    need(arguments.length, 1, 'Headers.get');
    name = nameOf(name);
    let found = null;
    for (const [n, v] of this.#list) if (n === name) found = found === null ? v : `${found}, ${v}`;
    return found;
  }
  getSetCookie() { return this.#list.filter(([n]) => n === 'set-cookie').map(([, v]) => v); }
  has(name) {
    need(arguments.length, 1, 'Headers.has');
    name = nameOf(name);
    return this.#list.some(([n]) => n === name);
  }
  set(name, value) {
    need(arguments.length, 2, 'Headers.set');
    const pair = [nameOf(name), valueOf(name, value)];
    this.#change();
    const at = this.#list.findIndex(([n]) => n === pair[0]);
    if (at < 0) {
      this.#list.push(pair);
      return;
    }
    this.#list = this.#list.filter(([n], i) => i <= at || n !== pair[0]);
    this.#list[at] = pair;
  }

  // node-fetch's way of asking for all headers, which many apps for Forge use.
  raw() {
    const all = {};
    for (const [n, v] of this.#list) (all[n] ??= []).push(v);
    return all;
  }

  #change() {
    if (this.#immutable) throw new TypeError('Headers: these cannot be changed');
    this.#sorted = null;
  }

  #pairs() {
    if (this.#sorted !== null) return this.#sorted;
    const sorted = [];
    for (const name of [...new Set(this.#list.map(([n]) => n))].sort()) {
      if (name === 'set-cookie') for (const v of this.getSetCookie()) sorted.push([name, v]);
      else sorted.push([name, this.get(name)]);
    }
    return (this.#sorted = sorted);
  }

  static wire(headers) { return headers.#list; }
  static received(list) {
    const headers = new Headers();
    for (const pair of list) pair[0] = pair[0].toLowerCase();
    headers.#list = list;
    headers.#immutable = true;
    return headers;
  }
  static freeze(headers) {
    headers.#immutable = true;
    return headers;
  }
  static at(headers, index) { return headers.#pairs()[index]; }
}
/** The pairs as they go over the wire, repeated names kept apart. */
export const wireHeaders = Headers.wire;
/** Makes headers that refuse every change. */
export const freezeHeaders = Headers.freeze;
/** The headers of an answer, of a list that becomes theirs: the host has checked its names and values. */
export const receivedHeaders = Headers.received;
const { at } = Headers;
for (const name of ['wire', 'received', 'freeze', 'at']) delete Headers[name];
iterable(Headers, 'Headers', at);
defineInterface(Headers, 'Headers');
Object.defineProperty(Headers.prototype, 'raw', { enumerable: false });

function byteString(value) {
  const text = `${value}`;
  if (/[^\0-\xff]/.test(text)) throw new TypeError('Headers: a character that headers cannot carry');
  return text;
}

function nameOf(name) {
  name = `${name}`;
  if (!tokenPattern.test(name)) throw new TypeError(`Headers: ${JSON.stringify(name)} is not a header name`);
  return name.toLowerCase();
}

const isBlank = (code) => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;

function valueOf(name, value) {
  value = `${value}`;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) value = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\r\n\u0100-\uffff]/.test(value)) throw new TypeError(`Headers: the value of ${name} holds a character that headers cannot carry`);
  return value;
}
