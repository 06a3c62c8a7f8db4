// process, as far as a function has one. `env` holds the app's variables only.
import { kernel } from '@annex/runtime/kernel';
import { notOfferedNow } from '../faults.js';
import EventEmitter from 'events/events.js';

// The call's whole memory: the engine keeps all of it in one heap, buffers too.
function memoryUsage() {
  const all = kernel.native('memory');
  return { rss: all, heapTotal: all, heapUsed: all, external: 0, arrayBuffers: 0 };
}

function hrtime(earlier) {
  const ms = kernel.now();
  let seconds = Math.floor(ms / 1000);
  let nanos = (ms % 1000) * 1e6;
  if (earlier) {
    seconds -= earlier[0];
    nanos -= earlier[1];
    if (nanos < 0) {
      seconds--;
      nanos += 1e9;
    }
  }
  return [seconds, nanos];
}
hrtime.bigint = () => BigInt(kernel.now()) * 1000000n;

const stream = (level) => Object.freeze({
  isTTY: false,
  fd: level === 'error' ? 2 : 1,
  writable: true,
  write(text) {
    kernel.log(level, [String(text).replace(/\n$/, '')]);
    return true;
  },
  on() { return this; },
  once() { return this; },
  end() {},
});

const emitter = new EventEmitter();
const process = {
  title: 'annex',
  env: {},
  argv: ['node', '/app'],
  argv0: 'node',
  execArgv: [],
  execPath: '/usr/bin/node',
  pid: 1,
  ppid: 0,
  arch: 'wasm32',
  platform: 'linux',
  // Libraries test these to choose syntax and APIs; the engine is QuickJS.
  version: 'v22.12.0',
  versions: { node: '22.12.0', annex: '1' },
  release: { name: 'node' },
  features: {},
  config: { variables: {} },
  exitCode: undefined,
  stdout: stream('info'),
  stderr: stream('error'),
  cwd: () => '/app',
  chdir: notOfferedNow('process.chdir'),
  umask: () => 0o22,
  uptime: () => kernel.native('uptime') / 1000, // of the call
  hrtime,
  nextTick(fn, ...args) { queueMicrotask(() => fn(...args)); },
  memoryUsage: Object.assign(memoryUsage, { rss: () => kernel.native('memory') }),
  cpuUsage: () => ({ user: kernel.native('cpu'), system: 0 }),
  emitWarning(warning) { kernel.log('warn', [String(warning?.message ?? warning)]); },
  exit: notOfferedNow('process.exit'),
  abort: notOfferedNow('process.abort'),
  kill: notOfferedNow('process.kill'),
  binding: notOfferedNow('process.binding'),
};
for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'emit', 'listeners', 'listenerCount', 'eventNames', 'prependListener', 'setMaxListeners', 'getMaxListeners']) {
  process[name] = (...args) => {
    const out = emitter[name](...args);
    return out === emitter ? process : out;
  };
}
Object.defineProperty(process, Symbol.toStringTag, { value: 'process', configurable: true });

export const { env, argv, cwd, nextTick, platform, version, versions, arch, pid, stdout, stderr, exit, uptime, emitWarning } = process;
export { hrtime };
const usage = process.memoryUsage;
export { usage as memoryUsage };
export default process;
