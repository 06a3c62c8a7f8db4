// The tree that the server sent, as a table of nodes by key. Patches address nodes by
// key, wherever they stand: among children, or as an element inside another node's
// props. Everything that arrives is checked for shape; what does not fit is refused as
// a whole, so that a tree is never half of one commit and half of another.

/** Component types whose drawing depends on what their descendants hold. */
const READERS = new Set([
  'Select', 'TabList', 'Tabs', 'RadioGroup', 'CheckboxGroup', 'Table', 'Head', 'Row', 'ButtonSet',
  'Modal', 'ModalHeader', 'ModalDialog', 'Breadcrumbs', 'TagGroup', 'Text', 'Tooltip', 'Popup', 'AvatarStack', 'ProgressTracker',
]);

/** Depth and number of nodes that a browser is asked to draw. */
export const MAX_DEPTH = 200;
export const MAX_NODES = 20_000;

export class TreeError extends Error {
  name = 'TreeError';
}

export class Tree {
  /** @type {Map<string, {type: string, key: string, props: object, children: string[], parent: string | null}>} */
  nodes = new Map();
  /** @type {string | null} */
  root = null;
  /** Keys that were taken in since the tree began to change. */
  #added = [];

  /**
   * load replaces the tree.
   * @param {unknown} tree
   */
  load(tree) {
    const next = new Tree();
    next.root = next.#add(tree, null, 0);
    this.nodes = next.nodes;
    this.root = next.root;
  }

  /**
   * patch applies the patches of one commit and says which nodes must be drawn anew.
   * @param {unknown} patches
   * @returns {Set<string>}
   */
  patch(patches) {
    if (!Array.isArray(patches)) throw new TreeError('patches are a list');
    const next = new Tree();
    next.root = this.root;
    next.nodes = new Map(this.nodes);
    const dirty = new Set();
    for (const p of patches) next.#apply(p, dirty);
    // An element in a prop that is set anew may be one that is drawn already.
    for (const key of next.#added) dirty.add(key);
    this.nodes = next.nodes;
    this.root = next.root;
    for (const key of [...dirty]) this.#dirtyReaders(key, dirty);
    return dirty;
  }

  get(key) {
    return this.nodes.get(key);
  }

  #apply(p, dirty) {
    const key = p?.key;
    const old = this.nodes.get(key);
    if (!old) throw new TreeError(`no node ${String(key)}`);
    switch (p.op) {
      case 'props': {
        const props = { ...old.props };
        const set = Object.entries(record(p.set)).filter(([name]) => name !== '__proto__');
        for (const name of [...list(p.unset), ...set.map(([n]) => n)]) {
          if (Object.hasOwn(props, name)) eachSlot(props[name], (slot) => this.#drop(slot.key));
          delete props[name];
        }
        const depth = this.#depth(key);
        for (const [name, value] of set) props[name] = this.#value(value, key, depth + 1);
        this.nodes.set(key, { ...old, props });
        dirty.add(key);
        return;
      }
      case 'children': {
        const stay = new Set();
        const depth = this.#depth(key);
        const children = list(p.children).map((child) => {
          if (typeof child !== 'string') return this.#add(child, key, depth + 1);
          const node = this.nodes.get(child);
          if (!node || this.#within(key, child)) throw new TreeError(`no node ${child} to place`);
          if (node.parent !== key) this.nodes.set(child, { ...node, parent: key });
          stay.add(child);
          return child;
        });
        if (new Set(children).size !== children.length) throw new TreeError('a child stands twice');
        this.nodes.set(key, { ...old, children });
        for (const child of old.children) if (!children.includes(child) && this.nodes.get(child)?.parent === key) this.#drop(child);
        dirty.add(key);
        return;
      }
      case 'replace': {
        const parent = old.parent;
        const depth = parent === null ? 0 : this.#depth(parent) + 1;
        this.#drop(key);
        const now = this.#add(p.node, parent, depth);
        if (parent === null) {
          this.root = now;
        } else {
          const above = this.nodes.get(parent);
          this.nodes.set(parent, {
            ...above,
            children: above.children.map((c) => (c === key ? now : c)),
            props: now === key ? above.props : swap(above.props, key, now),
          });
          dirty.add(parent);
        }
        dirty.add(now);
        return;
      }
      default:
        throw new TreeError(`unknown patch ${String(p?.op)}`);
    }
  }

  /** #add takes a node with all below it into the table, and answers its key. */
  #add(node, parent, depth) {
    if (depth > MAX_DEPTH) throw new TreeError('the tree is too deep');
    if (this.nodes.size > MAX_NODES) throw new TreeError('the tree is too large');
    if (typeof node?.type !== 'string' || typeof node.key !== 'string' && typeof node.key !== 'number') {
      // Texts may come without a key: nothing addresses them.
      if (node?.type !== 'String') throw new TreeError('a node has a type and a key');
    }
    const key = node.key === undefined || node.key === null ? `${parent}/${depth}/${this.nodes.size}/text` : String(node.key);
    this.#added.push(key);
    const props = {};
    this.nodes.set(key, { type: node.type, key, props, children: [], parent });
    for (const [name, value] of Object.entries(record(node.props))) {
      if (name !== '__proto__') props[name] = this.#value(value, key, depth + 1);
    }
    const children = list(node.children).map((child) => this.#add(child, key, depth + 1));
    this.nodes.set(key, { type: node.type, key, props, children, parent });
    return key;
  }

  /** #value keeps a prop's value, with the elements in it taken into the table. */
  #value(value, owner, depth) {
    if (depth > MAX_DEPTH) throw new TreeError('the tree is too deep');
    if (Array.isArray(value)) return value.map((v) => this.#value(v, owner, depth + 1));
    if (!value || typeof value !== 'object') return value;
    if (value.$el) return new Slot(this.#add(value.$el, owner, depth + 1));
    if (value.$fn !== undefined) return new Handle(String(value.$fn));
    const out = {};
    for (const [name, v] of Object.entries(value)) if (name !== '__proto__') out[name] = this.#value(v, owner, depth + 1);
    return out;
  }

  #drop(key) {
    const node = this.nodes.get(key);
    if (!node) return;
    this.nodes.delete(key);
    for (const child of node.children) if (this.nodes.get(child)?.parent === key) this.#drop(child);
    eachSlot(node.props, (slot) => this.#drop(slot.key));
  }

  #depth(key) {
    let depth = 0;
    for (let node = this.nodes.get(key); node?.parent != null; node = this.nodes.get(node.parent)) {
      if (++depth > MAX_DEPTH) throw new TreeError('the tree is too deep');
    }
    return depth;
  }

  /** #within tells whether key stands at or below the other node. */
  #within(key, other) {
    for (let k = key; k != null; k = this.nodes.get(k)?.parent) if (k === other) return true;
    return false;
  }

  #dirtyReaders(key, dirty) {
    for (let node = this.nodes.get(key); node?.parent != null; node = this.nodes.get(node.parent)) {
      if (READERS.has(this.nodes.get(node.parent)?.type)) dirty.add(node.parent);
    }
  }

  /** text is all text at and below a node. */
  text(key) {
    const node = this.nodes.get(key);
    if (!node) return '';
    if (node.type === 'String') return String(node.props.text ?? '');
    const own = node.children.map((c) => this.text(c)).join('');
    return own || (typeof node.props.text === 'string' ? node.props.text : '');
  }

  /** find lists the nodes of some types below a node, not looking below what it found. */
  find(key, types, out = []) {
    for (const child of this.nodes.get(key)?.children ?? []) {
      const node = this.nodes.get(child);
      if (types.includes(node?.type)) out.push(node);
      else if (node) this.find(child, types, out);
    }
    return out;
  }
}

/** Slot is an element inside a prop. */
export class Slot {
  constructor(key) {
    this.key = key;
  }
}

/** Handle is a function prop: the app's session knows it by its id. */
export class Handle {
  constructor(id) {
    this.id = id;
  }
}

function eachSlot(value, visit) {
  if (value instanceof Slot) visit(value);
  else if (value instanceof Handle) return;
  else if (Array.isArray(value)) for (const v of value) eachSlot(v, visit);
  else if (value && typeof value === 'object') for (const v of Object.values(value)) eachSlot(v, visit);
}

function swap(value, from, to) {
  if (value instanceof Slot) return value.key === from ? new Slot(to) : value;
  if (value instanceof Handle) return value;
  if (Array.isArray(value)) return value.map((v) => swap(v, from, to));
  if (!value || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, swap(v, from, to)]));
}

const list = (v) => (Array.isArray(v) ? v : []);
const record = (v) => (v && typeof v === 'object' && !Array.isArray(v) ? v : {});
