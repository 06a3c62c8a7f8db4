// MessageChannel: two ports of one call. Messages are cloned and arrive in later tasks.
import { kernel } from '@annex/runtime/kernel';
import { cloneWith, letTransfer } from './clone.js';
import { Event, EventTarget, fire, handlerAttribute } from './events.js';
import { defineInterface, dictionary, need, usv } from './webidl.js';

const token = Symbol('MessagePort');

export class MessageEvent extends Event {
  #data = null;
  #origin = '';
  #lastEventId = '';
  #source = null;
  #ports = Object.freeze([]);
  constructor(type, init = undefined) {
    super(...arguments);
    const { data = null, lastEventId = '', origin = '', ports = [], source = null } = dictionary(init, 'MessageEvent');
    this.#data = data;
    this.#lastEventId = `${lastEventId}`;
    this.#origin = usv(origin);
    this.#ports = Object.freeze([...ports]);
    for (const port of this.#ports) if (!(port instanceof MessagePort)) throw new TypeError('MessageEvent: ports are MessagePorts');
    if (source !== null && !(source instanceof MessagePort)) throw new TypeError('MessageEvent: source is a MessagePort');
    this.#source = source;
  }
  get data() { return this.#data; }
  get origin() { return this.#origin; }
  get lastEventId() { return this.#lastEventId; }
  get source() { return this.#source; }
  get ports() { return this.#ports; }
  initMessageEvent(type, bubbles = false, cancelable = false, data = null, origin = '', lastEventId = '', source = null, ports = []) {
    need(arguments.length, 1, 'MessageEvent.initMessageEvent');
    this.initEvent(type, bubbles, cancelable);
    this.#data = data;
    this.#origin = usv(origin);
    this.#lastEventId = `${lastEventId}`;
    this.#source = source;
    this.#ports = Object.freeze([...ports]);
  }
}

// An end is what a port holds: it survives the port when that is transferred.
const end = () => ({ other: null, port: null, queue: [], open: false, closed: false, due: false });

function deliver(to) {
  if (to.due || !to.open || to.queue.length === 0) return;
  to.due = true;
  kernel.setTimer(() => {
    to.due = false;
    const message = to.open && to.port ? to.queue.shift() : undefined;
    if (message !== undefined) {
      deliver(to);
      fire(to.port, () => new MessageEvent('message', message));
    }
  }, 0);
}

export class MessagePort extends EventTarget {
  #end;
  constructor(key, own) {
    if (key !== token) throw new TypeError('Illegal constructor');
    super();
    this.#end = own;
    own.port = this;
  }

  postMessage(message, options = undefined) {
    need(arguments.length, 1, 'MessagePort.postMessage');
    const { transfer } = Array.isArray(options) ? { transfer: options } : dictionary(options, 'MessagePort.postMessage');
    const list = transfer === undefined ? [] : [...transfer];
    if (list.includes(this)) throw new DOMException('a port cannot be sent through itself', 'DataCloneError');
    const { value, transferred } = cloneWith(message, list);
    const to = this.#end?.other;
    if (!to) return;
    to.queue.push({ data: value, ports: transferred.filter((t) => t instanceof MessagePort) });
    deliver(to);
  }
  start() {
    if (this.#end === null) return;
    this.#end.open = true;
    deliver(this.#end);
  }
  close() {
    const own = this.#end;
    if (own === null || own.closed) return;
    own.closed = true;
    own.open = false;
    const { other } = own;
    own.other = null;
    if (!other) return;
    other.other = null;
    kernel.setTimer(() => { if (other.port) fire(other.port, () => new Event('close')); }, 0);
  }
  /** As in Node.js, where a port can keep a process alive; here nothing does. */
  ref() {}
  unref() {}

  static take(port, seen) {
    const own = port.#end;
    if (own === null || own.closed) throw new DOMException('the port was closed or transferred before', 'DataCloneError');
    const made = new MessagePort(token, { ...own, port: null });
    own.port = port; // until the transfer is certain
    seen.set(port, made);
    return () => {
      const next = made.#end;
      next.queue = own.queue;
      next.open = false;
      if (next.other) next.other.other = next;
      own.port = port.#end = null;
      return made;
    };
  }
}
letTransfer(MessagePort, MessagePort.take);
delete MessagePort.take;
defineInterface(MessagePort, 'MessagePort');
for (const name of ['ref', 'unref']) Object.defineProperty(MessagePort.prototype, name, { enumerable: false });
handlerAttribute(MessagePort.prototype, 'message', (port) => port.start());
handlerAttribute(MessagePort.prototype, 'messageerror');
handlerAttribute(MessagePort.prototype, 'close');
defineInterface(MessageEvent, 'MessageEvent', { length: 1 });

export class MessageChannel {
  #one;
  #two;
  constructor() {
    const [one, two] = [end(), end()];
    one.other = two;
    two.other = one;
    this.#one = new MessagePort(token, one);
    this.#two = new MessagePort(token, two);
  }
  get port1() { return this.#one; }
  get port2() { return this.#two; }
}
defineInterface(MessageChannel, 'MessageChannel');
