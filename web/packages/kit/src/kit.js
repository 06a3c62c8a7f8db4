// One mounted tree: the model, what draws it, and the way of events to the app.
import { say } from './texts.js';
import { Handle, Slot, Tree } from './tree.js';
import { Styles } from './xcss.js';

let mounts = 0;

// Root containers of the older kit: their fields carry labels of their own, and their
// texts a little markup.
const OLDER = new Set([
  'View', 'IssuePanel', 'IssueGlance', 'IssueContext', 'IssueAction', 'IssueActivity', 'Macro', 'GlobalPage', 'GlobalSettings', 'SpacePage',
  'SpaceSettings', 'HomepageFeed', 'AdminPage', 'ProjectPage', 'ProjectSettingsPage', 'DashboardGadget', 'DashboardGadgetEdit', 'CustomField',
  'CustomFieldEdit', 'ContextMenu', 'ContentAction', 'ContentBylineItem', 'PersonalSettingsPage', 'PortalUserMenuAction', 'PortalRequestDetail',
  'JiraBoardAction', 'PortalFooter', 'PortalHeader', 'PortalProfilePanel', 'PortalRequestDetailPanel', 'PortalSubheader',
  'QueuePage', 'OrganizationPanel', 'WorkflowCondition',
]);

export class Kit {
  tree = new Tree();
  /** Overlays that are open: the shell may make room for them. */
  modals = 0;
  #drawn = new Map(); // key → the views which draw it
  #dirty = new Set();
  #whole = false;
  #frame = 0;
  #timer = 0;
  #echoes = new Map(); // Echo → redraw
  #waiting = []; // [event, callback]
  #events = 0;
  #handled = 0;
  #open = []; // events before that are not

  constructor(element, options) {
    this.element = element;
    this.document = element.ownerDocument;
    this.options = options;
    this.prefix = `k${++mounts}-`;
    this.styles = new Styles(this.document);
  }

  get locale() {
    return this.options.locale || 'en';
  }

  /** say gives one of the kit's own texts in the reader's language. */
  say(key, names) {
    return say(this.locale, key, names);
  }

  get older() {
    const root = this.tree.get(this.tree.root);
    if (!root) return false;
    return OLDER.has(root.type) || root.children.some((c) => OLDER.has(this.tree.get(c)?.type));
  }

  // What is drawn.

  watch(key, view) {
    (this.#drawn.get(key) ?? this.#drawn.set(key, new Set()).get(key)).add(view);
  }

  unwatch(key, view) {
    const views = this.#drawn.get(key);
    views?.delete(view);
    if (views?.size === 0) this.#drawn.delete(key);
  }

  /** redraw draws what changed, once per frame; a page that is not shown has no frames. */
  redraw(keys) {
    if (keys) for (const key of keys) this.#dirty.add(key);
    else this.#whole = true;
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => this.flush());
    this.#timer = setTimeout(() => this.flush(), 50);
  }

  flush() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    const keys = this.#dirty;
    this.#dirty = new Set();
    if (this.#whole) {
      this.#whole = false;
      this.draw();
      for (const views of [...this.#drawn.values()]) for (const view of views) view.forceUpdate();
    } else {
      for (const key of keys) for (const view of this.#drawn.get(key) ?? []) view.forceUpdate();
    }
    this.#settle();
  }

  // What people do.

  /**
   * emit calls a function prop; the answer is the number of the event. What waits in
   * fields goes first.
   */
  emit(handle, args, from) {
    if (!(handle instanceof Handle)) return 0;
    for (const echo of this.#echoes.keys()) if (echo !== from) echo.flush();
    const answer = this.options.send(handle.id, args.map((a) => (a === undefined ? null : a)));
    this.#events = typeof answer === 'number' ? answer : this.#events + 1;
    return this.#events;
  }

  /** sendAll sends what waits in fields: nobody will be here when it is its turn. */
  sendAll() {
    for (const echo of this.#echoes.keys()) echo.flush();
  }

  /** after runs a function once an event is handled. */
  after(event, run) {
    this.#waiting.push([event, run]);
  }

  echo(echo, redraw) {
    this.#echoes.set(echo, redraw);
    return () => {
      echo.flush();
      this.#echoes.delete(echo);
    };
  }

  /**
   * handled notes that the app is done with the events up to a number, but for open ones that
   * wait for something; fields follow after the patches before it are drawn.
   */
  handled(event, open = []) {
    this.#handled = Math.max(this.#handled, event);
    this.#open = open;
    if (this.#frame) return;
    this.#settle();
  }

  #settle() {
    const done = (n) => n <= this.#handled && !this.#open.includes(n);
    const ready = this.#waiting.filter(([n]) => done(n));
    this.#waiting = this.#waiting.filter(([n]) => !done(n));
    for (const [, run] of ready) run();
    for (const [echo, redraw] of this.#echoes) if (echo.handled(done)) redraw();
  }

  /** lost lets nothing wait for answers that will not come. */
  lost() {
    this.#handled = Infinity;
    this.#open = [];
    this.#settle();
    for (const echo of this.#echoes.keys()) echo.lost();
    // The next session counts anew.
    this.#handled = this.#events = 0;
  }

  /** go follows a link: the shell decides how, and asks before it leaves the product. */
  go(url, newTab) {
    if (this.options.navigate) this.options.navigate(url, { newTab });
    else this.element.dispatchEvent(new CustomEvent('kit-navigate', { bubbles: true, detail: { url, newTab } }));
  }

  modal(open) {
    this.modals += open ? 1 : -1;
    this.element.classList.toggle('k-room', this.modals > 0);
    this.options.overlay?.(this.modals > 0);
  }

  /** id makes an app's id its own: two apps on a page may use the same. */
  id(id) {
    return typeof id === 'string' && id !== '' || typeof id === 'number' ? this.prefix + String(id).slice(0, 200).replace(/\s/g, '_') : undefined;
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#echoes.clear();
    this.styles.drop();
  }
}

/** plain is a prop's value as JSON again, for events that hand it back to the app. */
export function plain(value) {
  if (value instanceof Handle) return { $fn: value.id };
  if (value instanceof Slot) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}
