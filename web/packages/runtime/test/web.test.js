import test from 'node:test';
import assert from 'node:assert/strict';
import { host } from './mock-kernel.js';
import { console } from '../src/web/console.js';
import { MessageChannel } from '../src/web/messaging.js';
import { Request } from '../src/web/request.js';
import { Response, receivedResponse } from '../src/web/response.js';
import { TextDecoder } from '../src/web/encoding.js';
import { AbortController, AbortSignal } from '../src/web/abort.js';
import { parseMIME, formatMIME } from '../src/web/mime.js';

function lines(run) {
  host.reset();
  run();
  return host.logs.map(({ level, args }) => [level, ...args]);
}

test('console: format strings take what they name, the rest stays data', () => {
  const cases = [
    [['%s is %d', 'a', '42', { x: 1 }], ['a is 42', { x: 1 }]],
    [['%i and %f', 4.7, '1.5'], ['4 and 1.5']],
    [['%j', { a: [1] }], ['{"a":[1]}']],
    [['%o|%O', { a: 1 }, { b: { c: {} } }], ['{ a: 1 }|{ b: { c: {} } }']],
    [['%cred%c', 'color: red', ''], ['red']],
    [['100%'], ['100%']],
    [['100%%'], ['100%%']],
    [['100%% %s', 'x'], ['100% x']],
    [['100%%', 'x'], ['100%', 'x']],
    [['%s and %s', 'one'], ['one and %s']],
    [['%s', Symbol('s')], ['Symbol(s)']],
    [['%d', 5n], ['5n']],
    [['plain', { a: 1 }], ['plain', { a: 1 }]],
    [[{ a: 1 }, '%s'], [{ a: 1 }, '%s']],
  ];
  for (const [given, want] of cases) assert.deepEqual(lines(() => console.log(...given)), [['info', ...want]], JSON.stringify(String(given[0])));
});

test('console: counts, times, groups, assertions, tables', () => {
  assert.deepEqual(lines(() => {
    console.count();
    console.count('x');
    console.count();
    console.countReset();
    console.count();
    console.countReset('none');
  }), [['info', 'default: 1'], ['info', 'x: 1'], ['info', 'default: 2'], ['info', 'default: 1'], ['warn', "Count for 'none' does not exist"]]);
  assert.deepEqual(lines(() => console.timeEnd('none')), [['warn', "Warning: No such label 'none' for console.timeEnd()"]]);
  const [[, first], [, second]] = lines(() => {
    console.time('t');
    console.timeLog('t');
    console.timeEnd('t');
  });
  assert.match(first, /^t: \d+ms$/);
  assert.match(second, /^t: \d+ms$/);
  assert.deepEqual(lines(() => {
    console.group('outer');
    console.warn('two\nlines');
    console.group();
    console.log({ a: 1 });
    console.groupEnd();
    console.groupEnd();
    console.groupEnd();
    console.log('out');
  }), [['info', 'outer'], ['warn', '  two\n  lines'], ['info', '   ', { a: 1 }], ['info', 'out']]);
  assert.deepEqual(lines(() => {
    console.assert(true, 'no');
    console.assert(false, 'not %s', 'so', 1);
    console.assert(false, { a: 1 });
    console.assert();
  }), [['error', 'Assertion failed: not so', 1], ['error', 'Assertion failed', { a: 1 }], ['error', 'Assertion failed']]);
  const [[, table]] = lines(() => console.table([{ a: 1, b: 'x' }, { a: 2 }]));
  assert.equal(table, [
    '┌─────────┬───┬─────┐',
    '│ (index) │ a │ b   │',
    '├─────────┼───┼─────┤',
    "│ 0       │ 1 │ 'x' │",
    '│ 1       │ 2 │     │',
    '└─────────┴───┴─────┘',
  ].join('\n'));
  assert.deepEqual(lines(() => console.table('text')), [['info', 'text']]);
  assert.match(lines(() => console.trace('here %d', 1))[0][1], /^Trace: here 1$/);
  assert.throws(() => console.count({ toString() { throw new RangeError('label'); } }), RangeError);
});

test('ports carry clones, and other ports', async () => {
  const { port1, port2 } = new MessageChannel();
  const inner = new MessageChannel();
  const got = new Promise((resolve) => { port2.onmessage = ({ data, ports }) => resolve([data, ports]); });
  const sent = { a: [1] };
  port1.postMessage(sent, [inner.port2]);
  const [data, [moved]] = await got;
  assert.deepEqual(data, sent);
  assert.notEqual(data, sent);
  const through = new Promise((resolve) => { moved.onmessage = ({ data: d }) => resolve(d); });
  inner.port1.postMessage('through');
  assert.equal(await through, 'through');
  assert.throws(() => port1.postMessage(1, [port1]), { name: 'DataCloneError' });
  for (const port of [port1, inner.port1]) port.close();
});

test('bodies survive their clones and their streams', async () => {
  const first = new Response(new Uint8Array([1, 2, 3]));
  const second = first.clone();
  for await (const chunk of first.body) assert.equal(chunk.length, 3);
  assert.deepEqual([...await second.bytes()], [1, 2, 3]);
  await assert.rejects(first.text(), TypeError);
});

test('a body that came as a text is its bytes to who asks for bytes', async () => {
  const made = (held) => receivedResponse(200, '{"headers":[["content-type","text/plain"]]}', false, held);
  const text = '{"a":"b\\u0000"}';
  for (const held of [text, new TextEncoder().encode(text)]) {
    assert.equal(await made(held).text(), text);
    assert.deepEqual(await made(held).json(), { a: 'b\0' });
    for (const bytes of [await made(held).bytes(), new Uint8Array(await made(held).arrayBuffer()), await (await made(held).blob()).bytes(), await made(held).buffer()]) {
      assert.deepEqual([...bytes], [...new TextEncoder().encode(text)]);
    }
    const read = made(held);
    assert.equal(read.bodyUsed, false);
    const twin = read.clone();
    await read.json();
    assert.equal(read.bodyUsed, true);
    await assert.rejects(read.text(), TypeError);
    assert.throws(() => read.clone(), TypeError);
    let length = 0;
    for await (const chunk of twin.body) length += chunk.length;
    assert.equal(length, text.length);
    const streamed = made(held);
    assert.equal((await streamed.body.getReader().read()).value.length, text.length);
    await assert.rejects(streamed.json(), TypeError);
  }
  await assert.rejects(made('{').json(), SyntaxError);
  assert.equal(await made('').text(), '');
  assert.equal((await made('').bytes()).length, 0);
  assert.equal(await made(undefined).text(), '');
  assert.equal(await new Request('https://a.example/', { method: 'POST', body: made('abc').body, duplex: 'half' }).text(), 'abc');
});

test('encodings of old', () => {
  const decode = (label, ...bytes) => new TextDecoder(label).decode(new Uint8Array(bytes));
  assert.equal(decode('shift_jis', 0x93, 0xfa, 0x96, 0x7b), '日本');
  assert.equal(decode('euc-kr', 0xc7, 0xd1), '한');
  assert.equal(decode('gb18030', 0xd6, 0xd0), '中');
  assert.equal(decode('windows-1251', 0xcf), 'П');
  assert.equal(decode('utf-16be', 0xd8, 0x3c, 0xdf, 0x89, 0x00), '🎉\ufffd');
  assert.throws(() => new TextDecoder('utf-7'), RangeError);
});

test('signals that depend on others', () => {
  const one = new AbortController();
  const order = [];
  const both = AbortSignal.any([one.signal, AbortSignal.any([new AbortController().signal])]);
  both.addEventListener('abort', () => order.push('both'));
  one.signal.addEventListener('abort', () => order.push(`one ${both.aborted}`));
  one.abort('why');
  assert.deepEqual(order, ['one true', 'both']);
  assert.equal(both.reason, 'why');
});

test('MIME types', () => {
  for (const [given, want] of [
    ['text/html;charset=utf-8', 'text/html;charset=utf-8'], [' TEXT/HTML ; Charset="a b" ', 'text/html;charset="a b"'], ['x', undefined], ['a/b;c', 'a/b'], ['a/b;c=;d=1', 'a/b;d=1'],
  ]) {
    const parsed = parseMIME(given);
    assert.equal(parsed ? formatMIME(parsed) : undefined, want, given);
  }
});
