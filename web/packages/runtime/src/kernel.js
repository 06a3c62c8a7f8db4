// The kernel is the bottom of the base image: the only JavaScript that sees the host.
// It takes the one native function, starts the app's handlers and settles their calls,
// and hands a small interface to the rest of the SDK. Apps never import it.
//
// Everything a call needs from the built-ins is captured here once, so that an app which
// patches a prototype breaks its own call and not the way its result is delivered.

const host = globalThis.__host;
delete globalThis.__host;

const { parse } = JSON;
const slowStringify = JSON.stringify;
const P = Promise;
const resolved = P.resolve.bind(P);
const refusedWith = P.reject.bind(P);
const then = Function.prototype.call.bind(P.prototype.then);
const isView = ArrayBuffer.isView;
const hasOwn = Object.hasOwn;
const { apply } = Reflect;
const { getPrototypeOf } = Object;
const promises = P.prototype;
const capture = Error.captureStackTrace;

// Numbers on the wire are cheaper to pass than names; the table is the host's too (ops.go).
const OPS = {
  entry: 1, call: 2, timer: 3, untimer: 4, log: 5, result: 6, random: 7, now: 8, hash: 9, hmac: 10,
  utf8enc: 11, utf8dec: 12, inflate: 13, deflate: 14, tz: 15, file: 16, cpu: 17, equal: 18, latin1dec: 19, utf16dec: 20,
  crypto: 21, stringify: 22, respond: 23, intl: 24, memory: 25, uptime: 26,
  emit: 27, text: 28,
};

const modules = { __proto__: null }; // name → exports object, for __annex_require
const kinds = { __proto__: null }; // kind → {args, result}
let handlers = { __proto__: null }; // "folder/file.export" → {module: its namespace, key: its name}
const pending = new Map(); // host call id → what ask knows of it
const timers = new Map(); // timer id → {fn, args, every}
let nextID = 1;
let running = false; // a call, whose kind and function these are:
let kindName = "";
let fnName = "";
let how; // of kinds
let deadline = 0;
let loading = true; // module scope: no host calls

// native calls one of the host's synchronous operations by name.
function native(op, ...args) {
  const code = OPS[op];
  if (code === undefined) throw new TypeError(`the host has no operation "${op}"`);
  return host(code, ...args);
}

// decode is UTF-8 as text: "utf8dec" without the list that native makes of its arguments.
const decode = (bytes) => host(12, bytes, false);

// stringify is JSON.stringify. The host reads plain data many times as fast as the engine
// does; of anything else it makes nothing, and the engine goes on.
function stringify(value, replacer, space) {
  if (typeof value === "object" && replacer === undefined && space === undefined) {
    const text = host(22, value);
    if (text !== undefined) return text;
  }
  return slowStringify(value, replacer, space);
}

Object.defineProperty(JSON, "stringify", {
  value: { stringify(value, replacer, space) { return stringify(value, replacer, space); } }.stringify,
  writable: true,
  configurable: true,
});

const now = () => host(8);
// At module scope the host refuses, and says where.
const random = (n) => (loading ? host(7, n, framesOf(new Error())) : host(7, n));

// quick are the calls that an Error for each would slow down: it takes up to ten
// microseconds, and everything else a database's write or a network.
const quick = { __proto__: null, "kvs.get": true, "kvs.secret.get": true };

// call starts an asynchronous host call. It is refused at module scope, which runs once,
// at deploy, for all installations, and so has no authority; the host is told where.
function call(method, head, body) {
  try {
    if (typeof body === "string") body = host(11, body);
    return ask(call, method, head === undefined ? "{}" : stringify(head), body, false, pair, same);
  } catch (err) {
    return refusedWith(err);
  }
}

const pair = (head, body) => ({ head, body });
const same = (err) => err;

// ask is call for who knows what to make of the answer: the promise is of what answered
// makes of its head, its body and what was given along, as soon as they are there; refused
// makes the reason of an error. The head is JSON already, and so is an answer's that is
// asked for as a text, whose body is then a text too where it is short and ASCII. The frames
// of an error are those below the function above. On the way of each call of a product or a
// host arguments and lists stand in place of objects and closures: the engine makes them
// several times as fast.
function ask(above, method, head, body, asText, answered, refused, along) {
  const id = nextID++;
  const promise = new P(take);
  const resolve = taken;
  const reject = takenToReject;
  let refusal;
  try {
    refusal = loading ? host(2, id, method, head, body, framesOf(new Error())) : host(2, id, method, head, body, asText);
  } catch (err) {
    reject(refused(err)); // it is too large
    return promise;
  }
  if (refusal !== undefined) {
    const err = new Error(refusal);
    err.name = err.code = "MODULE_SCOPE_CALL";
    reject(refused(err));
    return promise;
  }
  // Where the call was made is known only now; the answer comes from outside of any app code.
  // Each frame costs more than a microsecond: those of the SDK say nothing to anybody.
  let made;
  if (quick[method] !== true) capture((made = {}), above);
  pending.set(id, [resolve, reject, made, answered, refused, along]);
  return promise;
}

// take is what every promise of ask is made with: a function for each would be one more.
let taken;
let takenToReject;
const take = (resolve, reject) => {
  taken = resolve;
  takenToReject = reject;
};

function reply(id, ok, head, body) {
  const waiting = pending.get(id);
  if (waiting === undefined) return;
  pending.delete(id);
  try {
    if (ok) {
      waiting[0](waiting[3](head, body, waiting[5]));
      return;
    }
    waiting[1](waiting[4](revive(head, waiting[2])));
  } catch (thrown) {
    waiting[1](thrown); // by an app's Error.prepareStackTrace, or of an answer that cannot be read
  }
}

// revive makes the Error of a refusal: its fields are the host's, its frames those of the call.
function revive(head, made) {
  const err = new Error(head.message ?? head.code ?? "the host refused the call");
  for (const key of Object.keys(head)) {
    if (key === "message" || key === "stack") continue;
    Object.defineProperty(err, key, { value: head[key], enumerable: true, writable: true, configurable: true });
  }
  if (made !== undefined) Object.defineProperty(err, "stack", { value: headed(err, made.stack), writable: true, configurable: true });
  return err;
}

class Timeout {
  #id;
  constructor(id) {
    this.#id = id;
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
  refresh() {
    const t = timers.get(this.#id);
    if (t) host(3, this.#id, t.ms);
    return this;
  }
  close() {
    clearTimer(this.#id);
    return this;
  }
  [Symbol.toPrimitive]() {
    return this.#id;
  }
  [Symbol.dispose]() {
    clearTimer(this.#id);
  }
}

function addTimer(fn, ms, args, every) {
  if (typeof fn !== "function") {
    const err = new TypeError('The "callback" argument must be of type function');
    err.code = "ERR_INVALID_ARG_TYPE";
    throw err;
  }
  ms = +ms;
  if (!(ms >= 1 && ms <= 2147483647)) ms = 1;
  const id = nextID++;
  timers.set(id, { fn, args, ms: Math.trunc(ms), every });
  host(3, id, Math.trunc(ms));
  return id;
}

const setTimer = (fn, ms) => addTimer(fn, ms, [], false);

function clearTimer(id) {
  if (timers.delete(id)) host(4, id);
}

// unhandled tells the app's log of a rejection that nobody handled. The call goes on.
function unhandled(reason) {
  log("warn", ["unhandled promise rejection", reason]);
}

function timer(id) {
  const t = timers.get(id);
  if (t === undefined) return;
  if (t.every) host(3, id, t.ms);
  else timers.delete(id);
  try {
    t.fn.apply(undefined, t.args);
  } catch (err) {
    crash(err);
  }
}

// crash ends the call (or fails the deploy, at module scope) with an error that nothing
// in the app can catch any more.
function crash(err) {
  if (sessionUnderway) sessionError(err);
  else fail(err);
}

// sessionError is what an error does in a session that nobody caught: it is logged, as a
// browser logs it, and the session goes on.
function sessionError(err) {
  log("error", ["uncaught error", err]);
}

function installTimers(g) {
  g.setTimeout = function setTimeout(fn, ms, ...args) {
    return new Timeout(addTimer(fn, ms, args, false));
  };
  g.setInterval = function setInterval(fn, ms, ...args) {
    return new Timeout(addTimer(fn, ms, args, true));
  };
  g.setImmediate = function setImmediate(fn, ...args) {
    return new Timeout(addTimer(fn, 0, args, false));
  };
  const clear = (t) => {
    if (t !== undefined && t !== null) clearTimer(+t);
  };
  g.clearTimeout = function clearTimeout(t) {
    clear(t);
  };
  g.clearInterval = function clearInterval(t) {
    clear(t);
  };
  g.clearImmediate = function clearImmediate(t) {
    clear(t);
  };
  g.queueMicrotask = function queueMicrotask(fn) {
    if (typeof fn !== "function") throw new TypeError("queueMicrotask needs a function");
    then(resolved(), () => {
      try {
        fn();
      } catch (err) {
        crash(err);
      }
    });
  };
}

// plain turns any value into one that JSON can hold, for log lines.
function plain(value, depth, seen) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "undefined":
      return "undefined";
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
    case "function":
      return `[Function: ${value.name || "anonymous"}]`;
  }
  if (value === null) return null;
  if (seen.includes(value)) return "[Circular]";
  if (value instanceof Error) return serializeError(value, depth);
  if (value instanceof Date) return Number.isNaN(+value) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof P) return "[Promise]";
  if (isView(value)) return `[${value.constructor.name} ${value.byteLength} bytes]`;
  if (value instanceof ArrayBuffer) return `[ArrayBuffer ${value.byteLength} bytes]`;
  if (depth <= 0) return Array.isArray(value) ? "[Array]" : "[Object]";
  seen = [...seen, value];
  if (Array.isArray(value)) return value.slice(0, 200).map((v) => plain(v, depth - 1, seen));
  if (typeof value.toJSON === "function") return plain(value.toJSON(), depth - 1, seen);
  if (value instanceof Map) {
    return { Map: [...value].slice(0, 200).map(([k, v]) => [plain(k, depth - 1, seen), plain(v, depth - 1, seen)]) };
  }
  if (value instanceof Set) return { Set: [...value].slice(0, 200).map((v) => plain(v, depth - 1, seen)) };
  const out = {};
  for (const key of Object.keys(value).slice(0, 200)) out[key] = plain(value[key], depth - 1, seen);
  return out;
}

function log(level, args) {
  let text;
  try {
    text = stringify(args.map((a) => plain(a, 6, [])));
  } catch {
    text = '["a value that cannot be logged"]';
  }
  host(5, level, text);
}

function installConsole(g) {
  const counts = new Map();
  const starts = new Map();
  const line = (level) => (...args) => log(level, args);
  const since = (label) => `${label}: ${now() - (starts.get(label) ?? now())}ms`;
  g.console = {
    log: line("info"),
    info: line("info"),
    debug: line("debug"),
    trace: (...args) => log("debug", [...args, new Error("trace").stack]),
    warn: line("warn"),
    error: line("error"),
    dir: (value) => log("info", [value]),
    table: (value) => log("info", [value]),
    group: line("info"),
    groupCollapsed: line("info"),
    groupEnd() {},
    assert: (ok, ...args) => {
      if (!ok) log("error", ["Assertion failed", ...args]);
    },
    count: (label = "default") => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      log("info", [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = "default") => counts.delete(label),
    time: (label = "default") => starts.set(label, now()),
    timeLog: (label = "default", ...args) => log("info", [since(label), ...args]),
    timeEnd: (label = "default") => {
      log("info", [since(label)]);
      starts.delete(label);
    },
  };
}

// serializeError is how an error of app code leaves the sandbox.
function serializeError(err, depth = 4) {
  if (!(err instanceof Error)) {
    return { name: "NonErrorThrown", message: `a value that is no Error was thrown: ${describe(err)}`, stack: "" };
  }
  const out = { name: text(err.name, "Error"), message: text(err.message, ""), stack: framesOf(err) };
  for (const key of Object.keys(err)) {
    if (hasOwn(out, key)) continue;
    const v = err[key];
    if (typeof v === "function") continue;
    out[key] = depth > 0 ? plain(v, depth - 1, [err]) : String(v);
  }
  if (err.cause !== undefined && depth > 0) out.cause = plain(err.cause, depth - 1, [err]);
  if (err.errors !== undefined && Array.isArray(err.errors) && depth > 0) out.errors = plain(err.errors, depth - 1, [err]);
  return out;
}

// The engine's stacks hold frames alone. Who reads `stack` expects V8's first line too,
// which says what was thrown.
const headOf = Function.prototype.call.bind(Error.prototype.toString);
const isFrames = (stack) => typeof stack === "string" && stack.startsWith("    at ");

function headed(err, stack) {
  if (!isFrames(stack)) return stack;
  let head = "Error";
  try {
    head = headOf(err);
  } catch {
    // Its name or message cannot be read.
  }
  return `${head}\n${stack.trimEnd()}`;
}

// hideFunctions takes from the frames that an app's Error.prepareStackTrace is given what
// they are frames of: the functions of this kernel, and the host's own one.
function hideFunctions() {
  const was = Error.prepareStackTrace;
  let site;
  Error.prepareStackTrace = (_, sites) => {
    site = sites[0];
    return "";
  };
  void new Error("").stack;
  Error.prepareStackTrace = was;
  const proto = Object.getPrototypeOf(site);
  for (const name of ["getFunction", "getThis"]) {
    Object.defineProperty(proto, name, { value: { [name]() {} }[name], writable: true, configurable: true });
  }
}

function installStacks() {
  const own = Object.getOwnPropertyDescriptor(Error.prototype, "stack");
  Object.defineProperty(Error.prototype, "stack", {
    ...own,
    get() { return headed(this, own.get.call(this)); },
  });
  Error.captureStackTrace = function captureStackTrace(target, above = captureStackTrace) {
    capture(target, above);
    const made = Object.getOwnPropertyDescriptor(target, "stack");
    if (isFrames(made?.value)) Object.defineProperty(target, "stack", { ...made, value: headed(target, made.value) });
  };
}

// framesOf is a stack without its first line: the host has name and message already.
function framesOf(err) {
  const stack = text(err.stack, "");
  const at = stack.indexOf("\n    at ");
  return at >= 0 && stack.slice(0, at).endsWith(text(err.message, "")) ? stack.slice(at + 1) : stack;
}

const text = (value, otherwise) => (typeof value === "string" ? value : value === undefined ? otherwise : describe(value));

function describe(value) {
  try {
    return typeof value === "object" && value !== null ? stringify(plain(value, 3, [])) : String(value);
  } catch {
    return "[unprintable]";
  }
}

function fail(err) {
  let head;
  try {
    head = stringify(serializeError(err));
  } catch {
    head = '{"name":"Error","message":"the app threw a value that cannot be read","stack":""}';
  }
  running = false;
  host(6, false, head, undefined);
}

// find looks up "folder/file.export". Its module is asked each time: an export may change.
function find(handler) {
  const at = handlers[handler];
  return at === undefined ? undefined : at.module[at.key];
}

// What a call may look at is fetched and parsed when somebody looks: most handlers read a
// body and never their headers or their installation.
let envelopeValue; // module and id
let factsValue; // of the app: the platform's words, which win
let contextValue; // of the call: its trigger's

const told = (n) => parse(host(28, n) || "{}");
const envelope = () => (envelopeValue ??= told(0));
const facts = () => (factsValue ??= told(1));
const trigger = () => (contextValue ??= told(2));
const wholeContext = () => {
  const { request, ...context } = trigger();
  return { moduleKey: envelope().module, ...context, ...facts() };
};

// lazy makes an object whose properties are read from source() when they are first used.
// They look and behave like plain ones: they are enumerable, can be set and deleted.
function lazy(keys, source) {
  const out = {};
  for (const key of keys) {
    if (key === "body") {
      out.body = undefined; // it is there from the start, and set plainly
      continue;
    }
    const settle = (value) => {
      Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
      return value;
    };
    Object.defineProperty(out, key, {
      enumerable: true,
      configurable: true,
      get: () => settle(source()[key]),
      set: settle,
    });
  }
  return out;
}

// CONTEXT are the members of a web trigger's context: its module, and the app's facts as
// feature/invoke renders them.
const CONTEXT = [
  "moduleKey", "appId", "appAri", "appVersion", "environmentId", "environmentAri", "environmentType", "installationId",
  "installationAri", "installContext", "cloudId", "siteUrl", "product", "installation", "permissions",
];
const REQUEST = ["method", "headers", "body", "path", "userPath", "queryParameters", "rawQuery"];

// These objects are made once, in the base image. Every call starts from the image and so
// finds them untouched; only where instances are reused, for measurements, or module scope
// runs at each call, are further ones made.
const ready = [];
function makeReady() {
  const request = lazy(REQUEST, () => trigger().request);
  let raw;
  Object.defineProperty(request, "rawBody", { enumerable: true, configurable: true, get: () => (raw ??= rawBody()) });
  return { request, context: lazy(CONTEXT, wholeContext) };
}
ready.push(makeReady());

let payload; // the call's body as it came: a string, bytes, or undefined
const rawBody = () => (payload === undefined ? new Uint8Array(0) : typeof payload === "string" ? host(11, payload) : payload);

// start runs one call. It never throws: what goes wrong becomes the call's result. A promise
// of the language's own it gives to the host, which sees when it is settled and then calls
// finish or fail, or settle if others are waited for first: `then` would make six objects.
function start(kind, fn, body, now, remaining) {
  running = true;
  kindName = kind;
  fnName = fn;
  deadline = now + remaining;
  envelopeValue = factsValue = contextValue = undefined;
  try {
    const run = find(fn);
    if (typeof run !== "function") {
      const err = new Error(`the app exports no function "${fn}"`);
      err.name = err.code = "HANDLER_NOT_FOUND";
      throw err;
    }
    how = kinds[kind] ?? kinds.invoke;
    const value = apply(run, undefined, how.args(body));
    if ((typeof value !== "object" && typeof value !== "function") || value === null) finish(value);
    else if (isPromise(value)) return value;
    else settle(value);
  } catch (err) {
    fail(err);
  }
}

// isPromise says whether a value looks like one of the language's own, which the host decides.
function isPromise(value) {
  try {
    return getPrototypeOf(value) === promises;
  } catch {
    return false; // it is a proxy that forbids the look
  }
}

// settle waits for whatever the language waits for.
function settle(value) {
  then(resolved(value), finish, fail);
}

// finish hands the host what the function returned.
function finish(value) {
  try {
    if (how.quick === undefined || !how.quick(value)) {
      const out = how.result(value);
      host(6, true, out.head, out.body);
    }
    running = false;
  } catch (err) {
    fail(err);
  }
}

// defineKind says how a kind of call becomes a function's arguments, and how what the
// function returned becomes the call's result.
function defineKind(name, kind) {
  kinds[name] = kind;
}

defineKind("invoke", {
  args: (body) => [body === undefined || body === "" ? undefined : parse(body), wholeContext()],
  result: (value) => ({ head: undefined, body: returned(value) }),
});

// returned is a function's result as JSON, or an error that says what JSON cannot hold.
function returned(value) {
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError(`the function returned a ${typeof value}, which JSON cannot hold`);
  try {
    return stringify(value);
  } catch (err) {
    // A limit ends the call whatever happens here; what a toJSON of the app threw is the app's.
    if (typeof err?.message !== "string" || !/circular|BigInt/i.test(err.message)) throw err;
    throw new TypeError(`the function returned what JSON cannot hold: ${err.message}`);
  }
}

class InvalidWebTriggerResponse extends Error {
  constructor(why) {
    super(`a web trigger's function must return {statusCode, headers, body}, {outputKey} or nothing: ${why}`);
    this.name = "InvalidWebTriggerResponse";
    this.code = "INVALID_WEB_TRIGGER_RESPONSE";
  }
}

// webArgs are Forge's request object and context. A web trigger's context holds the app's
// facts and nothing of its own. rawBody is made when somebody reads it.
function webArgs(body) {
  const { request, context } = ready.pop() ?? makeReady();
  payload = body;
  request.body = typeof body === "string" ? body : body === undefined ? "" : decode(body);
  return [request, context];
}

function webResponse(value) {
  if (value === undefined || value === null) return { head: '{"statusCode":null}', body: undefined };
  if (typeof value !== "object" || Array.isArray(value)) throw new InvalidWebTriggerResponse(`it returned a ${typeof value}`);
  if (value.outputKey !== undefined) {
    if (typeof value.outputKey !== "string") throw new InvalidWebTriggerResponse("outputKey is no string");
    return { head: stringify({ outputKey: value.outputKey }), body: undefined };
  }
  const { statusCode, statusText, body } = value;
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599) {
    throw new InvalidWebTriggerResponse(`statusCode is ${typeof statusCode === "string" ? JSON.stringify(statusCode) : describe(statusCode)}, not a number from 200 to 599`);
  }
  const head = { statusCode };
  if (statusText !== undefined) {
    if (typeof statusText !== "string") throw new InvalidWebTriggerResponse("statusText is no string");
    head.statusText = statusText;
  }
  if (value.headers !== undefined && value.headers !== null) head.headers = webHeaders(value.headers);
  if (body === undefined || body === null) return { head: stringify(head), body: undefined };
  if (typeof body !== "string" && !isView(body) && !(body instanceof ArrayBuffer)) {
    throw new InvalidWebTriggerResponse(`body is of type ${typeof body}, not a string or bytes`);
  }
  return { head: stringify(head), body: typeof body === "string" ? body : bytes(body) };
}

function webHeaders(headers) {
  if (typeof headers !== "object") throw new InvalidWebTriggerResponse("headers is no object");
  if (typeof headers.entries === "function") headers = Object.fromEntries(headers.entries());
  const out = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value === undefined || value === null) continue;
    const list = [];
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) list.push(headerValue(name, value[i]));
    else list.push(headerValue(name, value));
    out[name] = list;
  }
  return out;
}

function headerValue(name, v) {
  if (typeof v === "string") return v;
  if (typeof v === "number" || typeof v === "boolean") return String(v);
  throw new InvalidWebTriggerResponse(`header "${name}" is of type ${typeof v}`);
}

const bytes = (b) => (b instanceof ArrayBuffer ? new Uint8Array(b) : new Uint8Array(b.buffer, b.byteOffset, b.byteLength));

// respond hands a plain answer to the host, which reads it as webResponse does. It answers
// false, and has done nothing, where there is more to say.
function respond(value) {
  return typeof value === "object" && value !== null && host(23, value);
}

defineKind("webtrigger", {
  args: webArgs,
  quick: respond,
  result: webResponse,
});

// A session of UI Kit is one call with many events: between them the instance is parked, so
// what follows lies in its memory. step is how @annex/react takes one event.
let sessionUnderway = false;
let sessionStep; // (target, event) → nothing; it never throws
const interfaces = { __proto__: null }; // resource key → what its entry rendered at module scope

function defineSession(step) {
  sessionStep = step;
}

// session runs one event of a session. The host parks the instance when nothing is pending.
function session(kind, fn, body, now, remaining) {
  running = sessionUnderway = true;
  kindName = kind;
  fnName = fn;
  deadline = now + remaining;
  envelopeValue = factsValue = contextValue = undefined;
  try {
    const target = fn.startsWith("ui:") ? interfaces[fn.slice(3)] : find(fn);
    if (target === undefined) {
      const err = new Error(`the app renders nothing for "${fn}"`);
      err.name = err.code = "HANDLER_NOT_FOUND";
      throw err;
    }
    sessionStep(target, parse(body));
  } catch (err) {
    fail(err);
  }
}

// emit tells the session's holder something; order is kept, nothing is answered.
const emit = (message) => host(27, stringify(message));

function registerModule(name, exportsObject) {
  modules[name] = exportsObject;
}

function requireModule(name) {
  const m = modules[name];
  if (m === undefined) {
    const err = new Error(`Cannot find module '${name}'`);
    err.code = "MODULE_NOT_FOUND";
    throw err;
  }
  return m;
}

// load runs an app's module scope. It says whether the app registered its modules, which
// functions it exports, and throws what module scope threw.
function load(fn, vars) {
  const g = globalThis;
  g.process ??= { env: {} };
  g.process.env ??= {};
  Object.assign(g.process.env, vars);
  fn(requireModule, (table, entries = {}) => {
    handlers = { __proto__: null };
    host(1, undefined, stringify([...register(table), ...registerInterfaces(entries)]));
  });
}

// registerInterfaces runs the module scope of each UI Kit entry; what it renders is kept for
// the sessions to come.
let collecting;
function registerInterfaces(entries) {
  const out = [];
  for (const key of Object.keys(entries)) {
    collecting = { __proto__: null };
    entries[key]();
    if (collecting.root !== undefined) {
      interfaces[key] = collecting;
      out.push(`ui:${key}`);
    }
    collecting = undefined;
  }
  return out;
}

// collected is where the entry that is being loaded puts what it renders; undefined otherwise.
const collected = () => collecting;

// register fills the table of handlers and lists its names.
function register(table) {
  const out = [];
  for (const file of Object.keys(table)) {
    const module = table[file];
    for (const key of Object.keys(module)) {
      let value;
      try {
        value = module[key];
      } catch {
        continue; // a binding in its temporal dead zone is no handler
      }
      if (typeof value !== "function") continue;
      handlers[`${file}.${key}`] = { module, key };
      out.push(`${file}.${key}`);
    }
  }
  return out;
}

// phase is the host's word for where we are: module scope or a call.
function phase(isLoading) {
  loading = isLoading;
}

hideFunctions();
installStacks();
installTimers(globalThis);
installConsole(globalThis);

host(1, { load, start, settle, finish, fail, session, reply, timer, phase, unhandled, serializeError: (err) => stringify(serializeError(err)) });

export const kernel = {
  call,
  ask,
  stringify,
  native,
  decode,
  now,
  random,
  log,
  registerModule,
  setTimer,
  clearTimer,
  defineKind,
  defineSession,
  collected,
  emit,
  // inSession says whether a UI Kit session runs, and not a function.
  get inSession() {
    return sessionUnderway;
  },
  serializeError,
  // current describes the running call, null at module scope.
  current: () =>
    running
      ? {
          kind: kindName,
          fn: fnName,
          get id() {
            return envelope().id;
          },
          get module() {
            return envelope().module;
          },
          get ctx() {
            return wholeContext();
          },
          remaining: () => Math.max(0, deadline - now()),
        }
      : null,
  get moduleScope() {
    return loading;
  },
};
