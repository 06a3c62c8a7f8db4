// The renderer of UI Kit: React commits become one plain tree, which the host checks,
// compares with the last one and sends on as patches. Functions stay here; what is sent
// in their place are handles.
import Reconciler from 'react-reconciler';

const keyed = new Map(); // key → instance, of those that are in the tree
let lastKey = 0;

class Instance {
  constructor(type, props) {
    this.type = type;
    this.key = String(++lastKey);
    this.children = [];
    this.update(props);
  }

  update(props) {
    this.fns = undefined;
    this.slots = undefined;
    this.props = {};
    for (const name of Object.keys(props)) {
      if (name === 'children' || name === 'key' || name === 'ref') continue;
      const value = this.plain(props[name], name, 0);
      if (value !== undefined) this.props[name] = value;
    }
  }

  // plain makes of a prop what JSON can hold; what is inside of itself is left out.
  plain(value, path, depth, above = []) {
    switch (typeof value) {
      case 'function':
        (this.fns ??= new Map()).set(path, value);
        return { $fn: `${this.key}:${path}` };
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : undefined;
      case 'bigint':
        return String(value);
      case 'object':
        break;
      default:
        return undefined;
    }
    if (value === null) return null;
    if (value instanceof Slot) {
      const place = {};
      (this.slots ??= new Map()).set(value.at, place);
      return place;
    }
    if (value.$$typeof !== undefined) return undefined; // an element where no component takes one
    if (depth > 24 || above.includes(value)) return undefined;
    const within = [...above, value];
    if (Array.isArray(value)) return value.map((v, i) => this.plain(v, `${path}.${i}`, depth + 1, within) ?? null);
    if (value instanceof Date) return Number.isNaN(+value) ? null : value.toISOString();
    if (typeof value.toJSON === 'function') return this.plain(value.toJSON(), path, depth + 1, within);
    const out = {};
    for (const name of Object.keys(value)) {
      const v = this.plain(value[name], `${path}.${name}`, depth + 1, within);
      if (v !== undefined) out[name] = v;
    }
    return out;
  }

  // node is the instance as it is sent.
  node() {
    const children = [];
    for (const c of this.children) {
      if (c.hidden) continue;
      if (c.type === '$slot') {
        const place = this.slots?.get(c.at);
        if (place !== undefined) place.$el = c.single();
      } else {
        children.push(c.node());
      }
    }
    return { type: this.type, key: this.key, props: this.props, children };
  }

  // single is what a slot holds, as one node.
  single() {
    const nodes = this.children.filter((c) => !c.hidden).map((c) => c.node());
    return nodes.length === 1 ? nodes[0] : { type: 'Fragment', key: this.key, props: {}, children: nodes };
  }
}

/** An element inside a prop: it is rendered as a child and put back into its place. */
export class Slot {
  constructor(at) {
    this.at = at;
  }
}

function append(parent, child) {
  remove(child);
  parent.children.push(child);
  child.parent = parent;
}

function remove(child) {
  const { parent } = child;
  if (parent === undefined) return;
  child.parent = undefined;
  const { children } = parent;
  children.splice(children.at(-1) === child ? children.length - 1 : children.indexOf(child), 1);
}

function before(parent, child, next) {
  remove(child);
  parent.children.splice(parent.children.indexOf(next), 0, child);
  child.parent = parent;
}

function forget(instance) {
  keyed.delete(instance.key);
  for (const c of instance.children) forget(c);
}

function take(_, child) {
  remove(child);
  forget(child);
}

const HTML = /^[a-z]/;
const discrete = 1; // SyncLane: updates are made when the current job ends
const nothing = () => {};
const context = {};

const host = Reconciler({
  supportsMutation: true,
  supportsPersistence: false,
  supportsHydration: false,
  supportsMicrotasks: true,
  isPrimaryRenderer: true,
  noTimeout: -1,
  scheduleMicrotask: queueMicrotask,
  scheduleTimeout: setTimeout,
  cancelTimeout: clearTimeout,
  createInstance(type, props) {
    if (HTML.test(type)) throw new Error(`<${type}> is HTML; UI Kit draws its own components only`);
    const instance = new Instance(type, props);
    if (type === '$slot') instance.at = props.at;
    keyed.set(instance.key, instance);
    return instance;
  },
  createTextInstance(text) {
    const instance = new Instance('String', { text });
    keyed.set(instance.key, instance);
    return instance;
  },
  appendInitialChild: append,
  appendChild: append,
  appendChildToContainer: append,
  insertBefore: before,
  insertInContainerBefore: before,
  removeChild: take,
  removeChildFromContainer: take,
  clearContainer(root) {
    for (const c of root.children) forget(c);
    root.children = [];
  },
  finalizeInitialChildren: () => false,
  prepareUpdate: () => true,
  commitUpdate(instance, _, type, last, props) {
    if (type === '$slot') instance.at = props.at;
    instance.update(props);
  },
  commitTextUpdate(instance, _, text) {
    instance.props = { text };
  },
  hideInstance(instance) {
    instance.hidden = true;
  },
  unhideInstance(instance) {
    instance.hidden = false;
  },
  hideTextInstance(instance) {
    instance.hidden = true;
  },
  unhideTextInstance(instance) {
    instance.hidden = false;
  },
  shouldSetTextContent: () => false,
  getRootHostContext: () => context,
  getChildHostContext: () => context,
  getPublicInstance: (instance) => instance,
  prepareForCommit: () => null,
  resetAfterCommit: (root) => root.committed(),
  preparePortalMount: nothing,
  getCurrentEventPriority: () => discrete,
  getInstanceFromNode: () => null,
  beforeActiveInstanceBlur: nothing,
  afterActiveInstanceBlur: nothing,
  prepareScopeUpdate: nothing,
  getInstanceFromScope: () => null,
  detachDeletedInstance: nothing,
  resetTextContent: nothing,
});

/**
 * A root whose commits are handed to `commit` as one plain tree.
 * @param {string} type of the root node
 * @param {(tree: object) => void} commit
 */
export function createRoot(type, commit) {
  const root = new Instance(type, {});
  root.committed = () => commit({ type, key: 'root', props: {}, children: root.children.map((c) => c.node()) });
  const failed = (err) => root.failed?.(err);
  const container = host.createContainer(root, 1, null, false, null, '', failed, null);
  return {
    render: (element) => host.updateContainer(element, container, null, null),
  };
}

/** Calls the function that a handle stands for, if it is in the present tree. */
export function callHandle(handle, args) {
  const cut = handle.indexOf(':');
  const fn = keyed.get(handle.slice(0, cut))?.fns?.get(handle.slice(cut + 1));
  if (fn === undefined) return undefined;
  return host.batchedUpdates(() => fn(...args), undefined);
}
