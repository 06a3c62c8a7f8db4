// An app that plants a canary of its call in every place that a call can leave something
// in, and looks there first for any other call's. Each channel is {plant, look}: look
// gives everything that it sees there, as text, and "" when the place is clean. After
// planting, look must see its own canary: a channel that cannot is blind, and says so.
const spot = "__cnry";
const hasOwn = Object.prototype.hasOwnProperty;
const own = (o) => (hasOwn.call(o, spot) ? String(o[spot]) : "");
const mark = (o, me) => { try { Object.defineProperty(o, spot, { value: me, configurable: true, writable: true, enumerable: false }); } catch { /* frozen */ } };
const optional = (name) => { try { const m = __annex_require(name); return m.default ?? m; } catch { return undefined; } };
const number = (me) => parseInt(me.slice(10, 18), 16);

const modules = MODULES.map((name) => { try { return __annex_require(name); } catch { return undefined; } }).filter((m) => m !== undefined);
// State of module scope, in each form that code keeps it in.
let variable = "";
const cache = new Map();
const list = [];
const weak = new WeakMap();
class Registry { static all = []; static #own = ""; static keep(v) { Registry.#own = v; } static kept() { return Registry.#own; } }
const closure = (() => { let kept = ""; return { put: (v) => { kept = v; }, get: () => kept }; })();
const sequence = (function* () { let got = ""; for (;;) got = (yield got) ?? got; })();
sequence.next();
const once = /cnry/g;
const late = [];
const settle = [];
const bytes = new Uint8Array(8192);
const holder = {};
const finalized = [];
const registry = typeof FinalizationRegistry === "function" ? new FinalizationRegistry((held) => finalized.push(held)) : undefined;
const hooks = optional("node:async_hooks");
const storage = hooks?.AsyncLocalStorage ? new hooks.AsyncLocalStorage() : undefined;
const Events = optional("node:events");
const emitter = Events ? new Events() : undefined;
const channel = optional("node:diagnostics_channel")?.channel?.("cnry");
const fs = optional("node:fs");
const files = "/tmp/cnry";
const stackLimit = Error.stackTraceLimit;
const intl = Object.getOwnPropertyNames(Intl);
const calls = { settled: "" };
const { kvs } = __annex_require("@annex/kvs");

// Everything that can be reached from the global object and the base image's modules, as
// it is at the end of module scope.
const reachable = [];
const methods = [];
{
  const seen = new Set();
  const queue = [globalThis, Object.getPrototypeOf(async function () {}), Object.getPrototypeOf(function* () {}), Object.getPrototypeOf(async function* () {}),
    Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(new Map().entries()), Object.getPrototypeOf("x".matchAll(/x/g)), ...modules];
  while (queue.length > 0) {
    const o = queue.pop();
    if (o === null || (typeof o !== "object" && typeof o !== "function") || seen.has(o)) continue;
    seen.add(o);
    reachable.push(o);
    try {
      queue.push(Object.getPrototypeOf(o));
      for (const key of Reflect.ownKeys(o)) {
        const d = Object.getOwnPropertyDescriptor(o, key);
        if (d === undefined) continue;
        queue.push(d.value, d.get, d.set);
        if (typeof d.value === "function" && d.writable && d.configurable && d.value.prototype === undefined && typeof key === "string") methods.push([o, key, d.value]);
      }
    } catch { /* an object that does not let itself be looked at */ }
  }
}

// Pages that no other call is likely to write to: one page of these in each call.
const vault = new Uint8Array(VAULT);
for (let i = 0; i < vault.length; i += 64) vault[i] = 1 + (i >> 6) % 255;

// fill repeats the canary, which is 27 characters and 5 of filling: a multiple of 4.
const fill = (view, me) => {
  const unit = me + "-----";
  const n = Math.min(unit.length, view.length);
  for (let i = 0; i < n; i++) view[i] = unit.charCodeAt(i);
  for (let have = n; have < view.length; have *= 2) view.copyWithin(have, 0, have);
};
const spell = (view, at) => { let s = ""; for (let i = Math.max(0, at - 32); i < Math.min(view.length, at + 64); i++) s += String.fromCharCode(view[i]); return s; };
const wordsOf = (view) => new Uint32Array(view.buffer, view.byteOffset, view.byteLength >> 2);
// stray is the first canary in memory, dirt anything in memory that should be empty.
const stray = (view) => { const i = wordsOf(view).indexOf(0x79726e63); return i < 0 ? "" : "memory " + spell(view, 4 * i); };
const dirt = (view) => {
  const words = wordsOf(view);
  for (let i = 0; i < words.length; i += 97) if (words[i] !== 0) return "memory " + spell(view, 4 * i);
  return stray(view);
};
const sizes = (me, heavy) => (heavy ? [64, 4096, 65_536, 1 << 20, 4 << 20] : [64, 4096, [500, 9000, 2000, 20_000][number(me) & 3]]);
const around = (n, step, size) => { const out = []; for (let i = 0, at = n % size; i < step; i++, at = (at + 7919) % size) out.push(at); return out; };

// In most calls (heavy is false) the largest channels plant and look at a sample only, of
// places that the canary's number picks.
const channels = {
  variable: { plant: (me) => { variable = me; }, look: () => variable },
  map: { plant: (me) => { cache.set("KEY-1", me); }, look: () => [...cache.values()].join() },
  list: { plant: (me) => { list.push(me); list[50_000] = me; }, look: () => list.slice(0, 3).join() },
  weakmap: { plant: (me) => { weak.set(holder, me); }, look: () => weak.get(holder) ?? "" },
  statics: { plant: (me) => { Registry.all.push(me); Registry.keep(me); }, look: () => Registry.all.join() + Registry.kept() },
  closure: { plant: (me) => closure.put(me), look: () => closure.get() },
  generator: { plant: (me) => { sequence.next(me); }, look: () => sequence.next().value },
  global: { plant: (me) => { globalThis.cnry = me; }, look: () => globalThis.cnry ?? "" },
  symbol: { plant: (me) => { globalThis[Symbol.for("cnry")] = me; }, look: () => globalThis[Symbol.for("cnry")] ?? "" },
  builtins: {
    plant: (me, heavy) => { mark(Object.prototype, me); for (const i of around(number(me), heavy ? 64 : 6, reachable.length)) mark(reachable[i], me); },
    look: (me, heavy) => {
      let seen = own(Object.prototype);
      if (heavy) for (const o of reachable) seen += own(o);
      else for (const i of around(number(me), 24, reachable.length)) seen += own(reachable[i]);
      return seen;
    },
  },
  methods: {
    plant: (me) => {
      const [o, key, was] = methods[number(me) % methods.length];
      try { const fake = function (...args) { return Reflect.apply(was, this, args); }; fake.toString = () => me; o[key] = fake; } catch { /* a setter that refuses */ }
    },
    look: (me, heavy) => {
      let seen = "";
      const check = ([o, key, was]) => { if (o[key] !== was) { seen += key + ": " + (hasOwn.call(o[key] ?? {}, "toString") ? o[key] : "replaced"); } };
      check(methods[number(me) % methods.length]);
      if (heavy) methods.forEach(check); else for (const i of around(number(me), 12, methods.length)) check(methods[i]);
      return seen;
    },
    sometimes: true, // a property that refuses to be replaced shows nothing
  },
  modules: {
    plant: (me, heavy) => { if (heavy) for (const m of modules) mark(m, me); else mark(modules[number(me) % modules.length], me); },
    look: () => modules.map(own).join(""),
  },
  timers: {
    plant: (me) => { setTimeout(() => late.push(me), 0); setInterval(() => late.push(me), 1); setTimeout(() => late.push(me), 60_000); queueMicrotask(() => late.push(me)); },
    look: () => late.join(), later: true,
  },
  promises: {
    plant: (me) => { new Promise((done) => settle.push([done, me])).then(() => late.push(me)); (async () => { await null; await null; settle.push([() => {}, me]); })(); },
    look: () => settle.map(([, me]) => me).join(),
  },
  buffers: {
    plant: (me, heavy) => { fill(bytes, me); for (const n of sizes(me, heavy)) fill(new Uint8Array(n), me); let s = ""; for (let i = 0; i < 20; i++) s += me + i; holder.length = s.length; },
    look: (me, heavy) => {
      let seen = dirt(bytes);
      for (const n of sizes(me, heavy)) seen += dirt(new Uint8Array(new ArrayBuffer(n)));
      return seen;
    },
  },
  unsafe: {
    plant: (me) => { for (const n of [32, 2000]) fill(Buffer.allocUnsafe(n), me); holder.unsafe = Buffer.allocUnsafe(96); fill(holder.unsafe, me); },
    look: () => [32, 2000].map((n) => stray(Buffer.allocUnsafe(n))).join("") + (holder.unsafe === undefined ? "" : stray(holder.unsafe)),
  },
  vault: {
    plant: (me) => { if (vault.length > 0) for (const at of around(number(me), 2, vault.length >> 12)) fill(vault.subarray(at << 12, (at << 12) + 200), me); },
    look: (me, heavy) => {
      const first = heavy ? 0 : (number(me) & 3) << 12;
      for (let i = first; i < vault.length; i += heavy ? 4096 : 4 * 4096) if (vault[i] !== 1 + (i >> 6) % 255) return "page " + spell(vault, i + 32);
      return "";
    },
    sometimes: VAULT === 0,
  },
  stack: {
    plant: (me) => { Error.prepareStackTrace = () => me; Error.stackTraceLimit = 7; mark(Error, me); },
    look: () => (typeof Error.prepareStackTrace === "function" ? String(Error.prepareStackTrace()) : "") + (Error.stackTraceLimit === stackLimit ? "" : "limit " + Error.stackTraceLimit),
  },
  regexp: {
    plant: (me) => { once.test(me); /(cnry-.*)/.exec(me); },
    look: () => (once.lastIndex === 0 ? "" : "lastIndex " + once.lastIndex) + ["$1", "$_", "lastMatch", "input", "leftContext"].map((k) => (String(RegExp[k] ?? "").includes("cnry-") ? RegExp[k] : "")).join(""),
  },
  env: { plant: (me) => { process.env.CNRY = me; process.title = me; }, look: () => process.env.CNRY ?? "" },
  events: { plant: (me) => { emitter.on("cnry", () => me); emitter.cnry = me; }, look: () => (emitter.cnry ?? "") + (emitter.listenerCount("cnry") || "") },
  diagnostics: { plant: (me) => { channel?.subscribe(() => me); mark(channel ?? holder, me); }, look: () => own(channel ?? holder) },
  context: { plant: (me) => storage.enterWith(me), look: () => storage.getStore() ?? "" },
  weakrefs: {
    plant: (me) => { holder.kept = { me }; holder.ref = new WeakRef(holder.kept); registry?.register({ me }, me); registry?.register(holder, me); },
    look: () => (holder.ref?.deref()?.me ?? "") + finalized.join(),
  },
  intl: {
    plant: (me, heavy) => {
      for (const name of heavy ? intl : [intl[number(me) % intl.length]]) { mark(Intl[name], me); if (Intl[name].prototype) mark(Intl[name].prototype, me); }
      if (heavy) { const f = new Intl.NumberFormat("en"); mark(f, me); mark(f.resolvedOptions(), me); (1).toLocaleString("en"); new Date(0).toLocaleString("en"); }
    },
    look: (me, heavy) => {
      let seen = "";
      for (const name of intl) seen += own(Intl[name]) + (Intl[name].prototype ? own(Intl[name].prototype) : "");
      if (heavy) { const f = new Intl.NumberFormat("en"); seen += own(f) + own(f.resolvedOptions()); }
      return seen;
    },
  },
  files: {
    plant: (me) => { try { fs.writeFileSync(files, me); } catch { mark(fs, me); } },
    look: () => { let seen = own(fs); try { seen += fs.readFileSync(files, "utf8"); } catch { /* nothing there */ } return seen; },
  },
  performance: {
    plant: (me) => { try { performance.mark(me); } catch { /* not offered */ } mark(performance, me); },
    look: () => own(performance) + (performance.getEntries?.() ?? []).map((e) => e.name).join() + (performance.now() >= 0 && performance.now() < 60_000 ? "" : "origin of " + performance.now()),
  },
  symbols: { plant: (me) => { try { Object.defineProperty(Symbol.prototype, spot, { value: me, configurable: true }); } catch { /* frozen */ } }, look: () => own(Symbol.prototype) },
  console: { plant: (me, heavy) => { if (heavy) { console.count("turn"); console.time?.("turn"); } mark(console, me); }, look: () => own(console) },
  answers: { plant: (me) => { calls.settled = me; if (number(me) % 8 === 0) kvs.get("cnry").then((v) => { calls.settled += v; }, () => {}); }, look: () => calls.settled },
};

// What is only done in some calls, because it costs more than the call.
const rare = {
  // Values belong to the installation: another call of the same one left them rightly.
  async storage(me, out) {
    const [value, secret] = await Promise.all([kvs.get("KEY-1"), kvs.getSecret("KEY-1")]);
    out.kept.push(value ?? "", secret ?? "");
    const listed = await kvs.query().limit(20).getMany();
    for (const { key, value } of listed.results) out.kept.push(key, JSON.stringify(value));
    await kvs.set("KEY-1", me);
    await kvs.set("name." + me.slice(5, 9), { me });
    await kvs.setSecret("KEY-1", me);
    try { await kvs.get("no " + me + "/"); } catch (err) { out.texts.push(String(err)); }
  },
  async fetch(me, out) {
    const one = async () => {
      const res = await fetch("https://echo.example.com/" + me, { method: "POST", body: me, headers: { "x-cnry": me } });
      const said = Object.fromEntries(res.headers);
      out.kept.push(said["x-connection"]);
      delete said["x-connection"];
      out.texts.push(await res.text(), ...Object.values(said));
      out.fetched++;
    };
    await Promise.all([one(), one()]);
    try { await fetch("https://" + me + ".evil.example/"); } catch (err) { out.texts.push(String(err), JSON.stringify(err)); }
  },
  async abandon(me) { fetch("https://echo.example.com/late/" + me).then((r) => r.text()).then((t) => late.push(me + t), () => {}); kvs.get("KEY-1").then(() => late.push(me)); },
  async log(me) { console.log("line of", me, { me }); console.error(new Error(me)); },
  async sleep() { await new Promise((done) => setTimeout(done, 2)); },
  async grow(me) { const all = []; for (let i = 0; i < 12; i++) { const b = new Uint8Array(1 << 20); fill(b.subarray(0, 4096), me); fill(b.subarray((1 << 20) - 4096), me); all.push(b); } holder.grown = all; },
  async again(me, out) {
    // The same place is looked at again after others had their turn.
    for (let i = 0; i < 3; i++) { await new Promise((done) => setTimeout(done, 1)); for (const [name, c] of Object.entries(channels)) out.again.push(name, String(c.look(me, false))); }
  },
};

async function run(order) {
  const { me, heavy = false, rare: extra = [] } = order;
  const out = { me, found: {}, blind: [], texts: [], kept: [], again: [], fetched: 0, channels: Object.keys(channels).length };
  for (const name in channels) {
    const seen = String(channels[name].look(me, heavy));
    if (seen !== "") out.found[name] = seen.slice(0, 400);
  }
  out.random = [Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(2)).join()].join();
  for (const name in channels) channels[name].plant(me, heavy);
  if (heavy) {
    for (const name in channels) {
      if (!channels[name].later && !channels[name].sometimes && String(channels[name].look(me, heavy)) === "") out.blind.push(name);
    }
  }
  for (const name of extra) await rare[name](me, out);
  if (order.fail) { const err = new Error("failed as " + me); err.code = me; throw err; }
  return out;
}

async function hook(request) {
  const out = await run(JSON.parse(request.body));
  return { statusCode: 200, headers: { "content-type": ["application/json"], "x-cnry": [out.me], etag: ['"' + out.me + '"'], "cache-control": ["public, max-age=3600"] }, body: JSON.stringify(out) };
}
