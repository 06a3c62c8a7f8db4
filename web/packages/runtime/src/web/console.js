// console, whose lines are lists of values: what a format string takes becomes text, as
// Node.js prints it, all else stays data for whoever reads the log.
import { kernel } from '@annex/runtime/kernel';
import { format, inspect } from '../node/inspect.js';

const counts = new Map();
const starts = new Map();
let indent = '';

// formatted makes text of a format string and of the values that it takes.
function formatted(args) {
  const [first] = args;
  if (args.length > 1 && typeof first === 'string' && first.includes('%')) {
    const takes = (first.match(/%[sdifjoOc%]/g) ?? []).filter((f) => f !== '%%').length;
    const end = 1 + Math.min(takes, args.length - 1);
    const text = end > 1 || first.includes('%%') ? format(...args.slice(0, end), ...(end === 1 ? [''] : [])) : first;
    args = [end === 1 && text !== first ? text.slice(0, -1) : text, ...args.slice(end)];
  }
  return args;
}

function print(level, args) {
  args = formatted(args);
  if (indent !== '') {
    if (typeof args[0] === 'string') args = [indent + args[0].replaceAll('\n', `\n${indent}`), ...args.slice(1)];
    else args = [indent.slice(1), ...args];
  }
  kernel.log(level, args);
}

const since = (label) => `${label}: ${kernel.now() - starts.get(label)}ms`;
const unknown = (label, of) => print('warn', [`Warning: No such label '${label}' for console.${of}()`]);

const methods = {
  assert(condition = false, ...data) {
    if (condition) return;
    const [first, ...rest] = data;
    print('error', typeof first === 'string' ? [`Assertion failed: ${first}`, ...rest] : ['Assertion failed', ...data]);
  },
  clear() { indent = ''; },
  debug(...data) { print('debug', data); },
  error(...data) { print('error', data); },
  info(...data) { print('info', data); },
  log(...data) { print('info', data); },
  table(data = undefined, columns = undefined) {
    const text = typeof data === 'object' && data !== null ? table(data, columns) : null;
    print('info', text === null ? [data] : [text]);
  },
  trace(...data) {
    const frames = (new Error().stack ?? '').split('\n').slice(2).join('\n');
    const [first, ...rest] = formatted(data);
    const head = first === undefined ? 'Trace' : `Trace: ${typeof first === 'string' ? first : inspect(first)}`;
    kernel.log('debug', [head, ...rest, `\n${frames}`]);
  },
  warn(...data) { print('warn', data); },
  dir(item = undefined, options = undefined) {
    print('info', [options === undefined || options === null ? item : inspect(item, { customInspect: false, ...options })]);
  },
  dirxml(...data) { print('info', data); },
  count(label = 'default') {
    label = `${label}`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
    print('info', [`${label}: ${counts.get(label)}`]);
  },
  countReset(label = 'default') {
    label = `${label}`;
    if (!counts.delete(label)) print('warn', [`Count for '${label}' does not exist`]);
  },
  group(...data) {
    if (data.length > 0) print('info', data);
    indent += '  ';
  },
  groupCollapsed(...data) { methods.group(...data); },
  groupEnd() { indent = indent.slice(2); },
  time(label = 'default') {
    label = `${label}`;
    if (starts.has(label)) print('warn', [`Warning: Label '${label}' already exists for console.time()`]);
    else starts.set(label, kernel.now());
  },
  timeLog(label = 'default', ...data) {
    label = `${label}`;
    if (starts.has(label)) print('info', [since(label), ...data]);
    else unknown(label, 'timeLog');
  },
  timeEnd(label = 'default') {
    label = `${label}`;
    if (!starts.has(label)) {
      unknown(label, 'timeEnd');
      return;
    }
    print('info', [since(label)]);
    starts.delete(label);
  },
  timeStamp() {},
  profile() {},
  profileEnd() {},
};

// table draws rows and columns as Node.js does.
function table(data, columns) {
  const isMap = data instanceof Map;
  const rows = isMap || data instanceof Set ? [...data] : Object.entries(data);
  const keys = new Map(); // column → its place
  let plain = false;
  const cells = rows.map((row, i) => {
    const [index, value] = data instanceof Set ? [i, row] : isMap ? [i, row[1]] : row;
    const made = { index: String(index), values: {}, own: undefined, key: isMap ? shown(row[0]) : undefined };
    if (typeof value !== 'object' || value === null) {
      plain = true;
      made.own = shown(value);
    } else {
      for (const key of columns ?? Object.keys(value)) {
        keys.set(key, true);
        if (Object.hasOwn(value, key)) made.values[key] = shown(value[key]);
      }
    }
    return made;
  });
  const head = [isMap || data instanceof Set ? '(iteration index)' : '(index)', ...(isMap ? ['Key'] : []), ...keys.keys(), ...(plain ? ['Values'] : [])];
  const lines = cells.map((c) => [c.index, ...(isMap ? [c.key] : []), ...[...keys.keys()].map((k) => c.values[k] ?? ''), ...(plain ? [c.own ?? ''] : [])]);
  const widths = head.map((h, i) => Math.max(h.length, ...lines.map((l) => l[i].length)) + 2);
  const bar = (left, middle, right) => left + widths.map((w) => '─'.repeat(w)).join(middle) + right;
  const line = (texts) => `│${texts.map((t, i) => ` ${t}`.padEnd(widths[i])).join('│')}│`;
  return [bar('┌', '┬', '┐'), line(head), bar('├', '┼', '┤'), ...lines.map(line), bar('└', '┴', '┘')].join('\n');
}

const shown = (value) => inspect(value, { depth: typeof value === 'object' && value !== null && !Array.isArray(value) ? -1 : 0, maxArrayLength: 3, breakLength: Infinity });

/** The console namespace object. */
export const console = Object.assign(Object.create({}), methods);
Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
