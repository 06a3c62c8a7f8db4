// A kernel for unit tests in Node.js: natives are Node's own, host calls are answered
// by `host.on(method, handler)`. See CONTRIBUTING for the real one.
import crypto from 'node:crypto';
import zlib from 'node:zlib';

const handlers = new Map();
export const host = {
  calls: [],
  on(method, handler) { handlers.set(method, handler); },
  reset() { handlers.clear(); this.calls = []; this.logs = []; this.call = { ...initial }; kernel.moduleScope = false; },
  logs: [],
  files: new Map(),
  call: null,
};
const initial = { kind: 'invoke', id: 'call-1', module: 'module-1', fn: 'index.run', ctx: {}, remaining: () => 1000 };
host.call = { ...initial };

const encoder = new globalThis.TextEncoder();
const NodeDecoder = globalThis.TextDecoder;
const natives = {
  utf8enc: (s) => encoder.encode(s),
  utf8dec: (b, fatal) => new NodeDecoder('utf-8', { fatal, ignoreBOM: true }).decode(b),
  hash: (alg, b) => new Uint8Array(crypto.createHash(alg).update(b).digest()),
  hmac: (alg, k, b) => new Uint8Array(crypto.createHmac(alg, k).update(b).digest()),
  inflate: (kind, b) => new Uint8Array({ gzip: zlib.gunzipSync, deflate: zlib.inflateSync, 'deflate-raw': zlib.inflateRawSync, br: zlib.brotliDecompressSync }[kind](b)),
  deflate: (kind, b) => new Uint8Array({ gzip: zlib.gzipSync, deflate: zlib.deflateSync, 'deflate-raw': zlib.deflateRawSync, br: zlib.brotliCompressSync }[kind](b)),
  equal: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),
  latin1dec: (b) => Buffer.from(b).toString('latin1'),
  utf16dec: (b) => new NodeDecoder('utf-16le', { ignoreBOM: true }).decode(b),
  file: (path) => host.files.get(path),
  tz(zone, ms) {
    const parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(ms);
    const at = (type) => Number(parts.find((p) => p.type === type).value);
    return Math.round((Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second')) - Math.floor(ms / 1000) * 1000) / 60000);
  },
};

export const kernel = {
  moduleScope: false,
  async call(method, head, body) {
    host.calls.push({ method, head, body });
    const handler = handlers.get(method);
    if (!handler) throw Object.assign(new Error(`no such host call: ${method}`), { code: 'UNKNOWN_METHOD' });
    const reply = await handler(head, body);
    return { head: reply?.head ?? {}, body: reply?.body };
  },
  ask(above, method, head, body, asText, answered, refused, along) {
    return this.call(method, JSON.parse(head), body).then(
      (reply) => answered(asText ? JSON.stringify(reply.head) : reply.head, reply.body, along),
      (err) => { throw refused(err); },
    );
  },
  stringify: JSON.stringify,
  decode: (bytes) => natives.utf8dec(bytes, false),
  native(op, ...args) {
    if (!natives[op]) throw new TypeError(`the host has no operation "${op}"`);
    return natives[op](...args);
  },
  now: () => Date.now(),
  random: (n) => new Uint8Array(crypto.randomBytes(n)),
  log(level, args) { host.logs.push({ level, args }); },
  current: () => host.call,
  modules: new Map(),
  registerModule(name, exports) { this.modules.set(name, exports); },
  setTimer: (fn, ms) => setTimeout(fn, ms),
  clearTimer: (id) => clearTimeout(id),
};
