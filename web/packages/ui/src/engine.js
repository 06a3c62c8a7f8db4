// The first UI Kit: components are functions that run again after each event, on a session
// of the same kind as React's. Elements are drawn with the components of today, so that one
// renderer serves both.
import { effect, uncaught } from '@annex/react/session';
import { translate } from './translate.js';

let walking; // the engine that renders now; hooks belong to it

class Engine {
  constructor(tree, send) {
    this.tree = tree;
    this.send = send;
    this.components = new Map(); // path → its hooks
    this.changes = new Map(); // path of a field → what the user made of it
    this.fns = new Map(); // handle → function
    this.keys = new Map(); // path → a short key: a path tells of components' names
    this.effects = [];
    this.turn = Promise.resolve();
  }

  // draw renders until nothing is pending: an initial value may have to be waited for, and an
  // effect may change a state.
  async draw() {
    for (let round = 0; round < 100; round++) {
      this.dirty = false;
      this.effects = [];
      let nodes;
      try {
        nodes = this.walkAll();
      } catch (thrown) {
        if (typeof thrown?.then !== 'function') throw thrown;
        await thrown;
        continue;
      }
      this.send({ type: 'Root', key: 'root', props: {}, children: this.short(nodes) });
      for (const run of this.effects) await run();
      if (!this.dirty) return;
    }
    throw new Error('the interface changes itself without an end');
  }

  walkAll() {
    walking = this;
    this.fns = new Map();
    this.seen = new Set();
    try {
      const nodes = this.walk(this.tree, 'r');
      for (const path of this.components.keys()) if (!this.seen.has(path)) this.components.delete(path);
      return nodes;
    } finally {
      walking = undefined;
    }
  }

  // walk gives the nodes of whatever a component returned.
  walk(element, path) {
    if (element === null || element === undefined || typeof element === 'boolean') return [];
    if (Array.isArray(element)) return element.flatMap((e, i) => this.walk(e, `${path}.${e?.key ?? i}`));
    if (typeof element !== 'object') return [{ type: 'String', key: path, props: { text: String(element) }, children: [] }];
    const { type, props = {} } = element;
    if (typeof type === 'function') return this.component(type, props, `${path}.${type.name || 'component'}`);
    if (typeof type !== 'string' || type === 'Fragment') return this.walk(props.children, path);
    return translate(this, type, props, path);
  }

  component(type, props, path) {
    this.seen.add(path);
    const hooks = this.components.get(path) ?? this.components.set(path, []).get(path);
    const outer = this.current;
    this.current = { hooks, next: 0 };
    let out;
    try {
      out = type(props);
    } finally {
      this.current = outer;
    }
    return this.walk(out, path);
  }

  // children are the nodes of an element's children.
  children(props, path) {
    return this.walk(props.children, path);
  }

  key(path) {
    return this.keys.get(path) ?? this.keys.set(path, `k${this.keys.size}`).get(path);
  }

  short(nodes) {
    return nodes.map((n) => ({ ...n, key: this.key(n.key), children: this.short(n.children) }));
  }

  // fn gives a function a handle.
  fn(path, prop, run) {
    const handle = `${this.key(path)}:${prop}`;
    this.fns.set(handle, run);
    return { $fn: handle };
  }

  // call runs what a handle stands for, after what is under way.
  call(handle, args) {
    const run = this.fns.get(handle);
    if (run === undefined) return undefined;
    this.turn = this.turn.then(async () => {
      this.dirty = false;
      await run(...args);
      if (this.dirty) await this.draw();
    }).catch(uncaught);
    return this.turn;
  }

  change() {
    this.dirty = true;
  }
}

/** A hook's own place, made by make at its first use. */
export function hook(make) {
  if (walking?.current === undefined) throw new Error('hooks are called inside of components only');
  const { current } = walking;
  const i = current.next++;
  const engine = walking;
  return current.hooks[i] ?? (current.hooks[i] = make(engine));
}

/** Keeps a value whose first one may have to be waited for. */
export function held(init) {
  const place = hook((engine) => {
    const made = { engine };
    const first = typeof init === 'function' ? init() : init;
    if (typeof first?.then === 'function') made.pending = first.then((value) => { made.value = value; }, (err) => { made.failed = err; }).finally(() => { made.pending = undefined; });
    else made.value = first;
    return made;
  });
  if (place.pending !== undefined) throw place.pending;
  if (place.failed !== undefined) throw place.failed;
  place.set ??= async (next) => {
    place.value = await (typeof next === 'function' ? next(place.value) : next);
    place.engine.change();
    return place.value;
  };
  return place;
}

/** Has run called after rendering, when deps are others than last time. */
export function after(run, deps) {
  const place = hook((engine) => ({ engine }));
  const now = deps === undefined ? undefined : JSON.stringify(deps);
  if (now !== undefined && place.last === now) return;
  place.engine.effects.push(async () => {
    place.last = now;
    await run();
  });
  if (now === undefined) place.last = undefined;
}

/** Begins a session that shows a tree. */
export function open(tree, send) {
  const engine = new Engine(tree, send);
  engine.turn = engine.draw().catch(uncaught);
  return { call: (handle, args) => engine.call(handle, args) };
}

/** What a configuration or an editor was given. */
export const submit = (payload) => effect('submit', { payload });
