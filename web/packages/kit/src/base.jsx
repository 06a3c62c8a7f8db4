// What all components are made with.
import { Component, createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { Echo } from './echo.js';
import { text } from './safe.js';
import { Handle, Slot } from './tree.js';

export const KitContext = createContext(null);
export const useKit = () => useContext(KitContext);

/** FormContext collects the values of the fields in a form. */
export const FormContext = createContext(null);

/** Components by type; components.js fills it. */
export const registry = new Map();

/** Node draws one node of the tree, and draws it again only when it changed. */
export class Node extends Component {
  static contextType = KitContext;
  state = { failed: null };

  componentDidMount() {
    this.context.watch(this.props.k, this);
  }

  componentDidUpdate(before) {
    if (before.k === this.props.k) return;
    this.context.unwatch(before.k, this);
    this.context.watch(this.props.k, this);
  }

  componentWillUnmount() {
    this.context.unwatch(this.props.k, this);
  }

  shouldComponentUpdate(next, state) {
    return next.k !== this.props.k || state.failed !== this.state.failed;
  }

  // A component that cannot draw what it was given does not take the others with it.
  componentDidCatch(error) {
    const node = this.context.tree.get(this.props.k);
    this.context.options.report?.(error, node?.type);
    this.setState({ failed: node });
  }

  render({ k }, { failed }) {
    const node = this.context.tree.get(k);
    if (!node) return null;
    if (node.type === 'String') return text(node.props.text);
    if (failed === node) return <span class="k-unknown" role="note">{node.type} could not be drawn</span>;
    const Type = registry.get(node.type) ?? registry.get('Unknown');
    return <Type key={node.type} node={node} props={node.props} />;
  }
}

/** Children draws what stands inside a node. */
export function Children({ node }) {
  return node.children.map((c) => <Node key={c} k={c} />);
}

/** Any draws what a prop may hold where something is shown: text, an element, or a list of them. */
export function Any({ value }) {
  if (value instanceof Slot) return <Node key={value.key} k={value.key} />;
  if (Array.isArray(value)) return value.map((v, i) => <Any key={v instanceof Slot ? v.key : i} value={v} />);
  if (value && typeof value === 'object' && value.type === 'doc') {
    const Document = registry.get('AdfRenderer');
    return <Document node={{ children: [] }} props={{ document: value }} />;
  }
  return text(value) || null;
}

/** shown tells whether Any would draw something. */
export function shown(value) {
  return value instanceof Slot || (Array.isArray(value) ? value.some(shown) : value?.type === 'doc' || text(value) !== '');
}

export const fn = (value) => (value instanceof Handle ? value : undefined);

/** useEcho keeps a field's value; see echo.js. */
export function useEcho(value, initial, handle) {
  const kit = useKit();
  const [, again] = useReducer((n) => n + 1, 0);
  const ref = useRef(null);
  const latest = useRef(handle);
  latest.current = handle;
  if (!ref.current) {
    const echo = new Echo((args) => kit.emit(latest.current, args, echo));
    ref.current = echo;
  }
  ref.current.server(value, initial);
  useEffect(() => kit.echo(ref.current, again), []);
  return {
    value: ref.current.value,
    echo: ref.current,
    edit(next, args) {
      ref.current.edit(next, latest.current && args);
      again();
    },
  };
}

/** usePending calls function props and says whether an answer is awaited. */
export function usePending() {
  const kit = useKit();
  const [count, set] = useState(0);
  const mounted = useRef(true);
  useEffect(() => () => { mounted.current = false; }, []);
  return [count > 0, (handle, args) => {
    const event = kit.emit(handle, args);
    if (!event) return;
    set((n) => n + 1);
    kit.after(event, () => mounted.current && set((n) => n - 1));
  }];
}

/** useFormValue makes a field's value part of the form around it. */
export function useFormValue(name, value) {
  const form = useContext(FormContext);
  const ref = useRef(value);
  ref.current = value;
  useLayoutEffect(() => {
    if (!form || name === '') return;
    return form.add(name, () => ref.current);
  }, [form, name]);
  useEffect(() => form?.changed(), [form, JSON.stringify(value)]);
}

/** eventOf is the event object that apps read, as far as it can be sent. */
export function eventOf(type, target, more = {}) {
  return { type, target, currentTarget: target, bubbles: true, defaultPrevented: false, ...more };
}

/** targetOf describes an element of a form. */
export function targetOf(element, props, value = element.value) {
  const target = { type: element.type, name: text(props.name), id: text(props.id), value };
  if (element.type === 'checkbox' || element.type === 'radio') target.checked = element.checked;
  return target;
}

/** useDescribed answers the ids of the messages that belong to a field: those that follow it. */
export function useDescribed(node) {
  const kit = useKit();
  const ids = [];
  const siblings = node.parent ? kit.tree.get(node.parent)?.children ?? [] : [];
  for (let i = siblings.indexOf(node.key) + 1; i > 0 && i < siblings.length; i++) {
    const type = kit.tree.get(siblings[i])?.type;
    if (!/^(?:Error|Helper|Valid)Message$/.test(type)) break;
    ids.push(messageId(kit, siblings[i]));
  }
  return ids;
}

export const messageId = (kit, key) => `${kit.prefix}message-${key}`;

/** useOnce is an id that no app chose. */
let ids = 0;
export function useOwnId() {
  const kit = useKit();
  const ref = useRef(0);
  ref.current ||= ++ids;
  return `${kit.prefix}own-${ref.current}`;
}

export const hidden = (content) => <span class="k-hidden">{content}</span>;
