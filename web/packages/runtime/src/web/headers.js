// Headers, without a guard: app code sets what it likes, and the server decides what
// leaves.
const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Headers {
  #list = []; // [lower-case name, value], in order

  constructor(init) {
    if (init === undefined) return;
    if (init === null || typeof init !== 'object') throw new TypeError('Headers: an object, a list of pairs or Headers is needed');
    if (init instanceof Headers) {
      this.#list = init.#list.map((pair) => [...pair]);
    } else if (typeof init[Symbol.iterator] === 'function') {
      for (const pair of init) {
        const [name, value, ...more] = pair;
        if (more.length || pair.length === 1) throw new TypeError('Headers: each pair has a name and a value');
        this.append(name, value);
      }
    } else {
      for (const name of Reflect.ownKeys(init)) {
        if (typeof name === 'symbol') throw new TypeError('Headers: a name must be a string');
        if (Object.getOwnPropertyDescriptor(init, name).enumerable) this.append(name, init[name]);
      }
    }
  }

  append(name, value) { this.#list.push([nameOf(name), valueOf(name, value)]); }
  delete(name) {
    name = nameOf(name);
    this.#list = this.#list.filter(([n]) => n !== name);
  }
  get(name) {
    name = nameOf(name);
    let found = null;
    for (const [n, v] of this.#list) if (n === name) found = found === null ? v : `${found}, ${v}`;
    return found;
  }
  has(name) {
    name = nameOf(name);
    return this.#list.some(([n]) => n === name);
  }
  set(name, value) {
    const pair = [nameOf(name), valueOf(name, value)];
    const at = this.#list.findIndex(([n]) => n === pair[0]);
    if (at < 0) {
      this.#list.push(pair);
      return;
    }
    this.#list = this.#list.filter(([n], i) => i <= at || n !== pair[0]);
    this.#list[at] = pair;
  }
  getSetCookie() { return this.#list.filter(([n]) => n === 'set-cookie').map(([, v]) => v); }

  /** The pairs as they go over the wire, repeated names kept apart. */
  static wire(headers) { return headers.#list; }

  forEach(callback, self) { for (const [n, v] of this) callback.call(self, v, n, this); }
  *entries() {
    const names = [...new Set(this.#list.map(([n]) => n))].sort();
    for (const name of names) {
      if (name === 'set-cookie') for (const v of this.getSetCookie()) yield [name, v];
      else yield [name, this.get(name)];
    }
  }
  *keys() { for (const [n] of this) yield n; }
  *values() { for (const [, v] of this) yield v; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return 'Headers'; }

  // node-fetch's way of asking for all headers, which many apps for Forge use.
  raw() {
    const all = {};
    for (const [n, v] of this.#list) (all[n] ??= []).push(v);
    return all;
  }
}
export const wireHeaders = Headers.wire;
delete Headers.wire;

function nameOf(name) {
  name = String(name);
  if (!tokenPattern.test(name)) throw new TypeError(`Headers: ${JSON.stringify(name)} is not a header name`);
  return name.toLowerCase();
}

function valueOf(name, value) {
  value = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\r\n]|[^\0-\xff]/.test(value)) throw new TypeError(`Headers: the value of ${name} holds a character that headers cannot carry`);
  return value;
}
