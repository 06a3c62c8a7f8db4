import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Echo } from '../src/echo.js';

function field(server) {
  const sent = [];
  const echo = new Echo((args) => sent.push(args[0]));
  echo.server(server, '');
  return { echo, sent };
}

const upTo = (event) => (n) => n <= event;

test('what is entered shows at once, and stays until every change of it is handled', () => {
  const { echo, sent } = field('');
  echo.edit('a', ['a']);
  echo.edit('ab', ['ab']);
  echo.edit('abc', ['abc']);
  assert.equal(echo.value, 'abc');
  assert.deepEqual(sent, ['a']);
  echo.server('a');
  assert.equal(echo.value, 'abc');
  assert.equal(echo.handled(upTo(1)), false);
  assert.deepEqual(sent, ['a', 'abc'], 'the newest follows, those between were overtaken');
  echo.server('ABC');
  assert.equal(echo.value, 'abc');
  assert.equal(echo.handled(upTo(1)), false, 'an answer to what was before says nothing');
  assert.equal(echo.handled(upTo(2)), true);
  assert.equal(echo.value, 'ABC');
  assert.equal(echo.pending, false);
});

test('without a value of the app the field keeps its own', () => {
  const { echo } = field(undefined);
  echo.edit('x', ['x']);
  echo.handled(upTo(1));
  assert.equal(echo.value, 'x');
});

test('without a listener nothing is sent, and the app can still set the value', () => {
  const { echo, sent } = field('');
  echo.edit('x', undefined);
  assert.deepEqual(sent, []);
  echo.server('y');
  assert.equal(echo.value, 'y');
});

test('what waits goes before another event, and when answers will not come', () => {
  const { echo, sent } = field('');
  echo.edit('a', ['a']);
  echo.edit('ab', ['ab']);
  echo.flush();
  assert.deepEqual(sent, ['a', 'ab']);
  echo.edit('abc', ['abc']);
  echo.lost();
  assert.deepEqual(sent, ['a', 'ab', 'abc']);
  echo.handled(upTo(Infinity));
  assert.equal(echo.value, '');
});

test('a change that waits for something keeps its field while later events are handled', () => {
  let n = 0;
  const echo = new Echo(() => ++n);
  echo.server('', undefined);
  echo.edit('a', ['a']);
  n++; // a press
  assert.equal(echo.handled((event) => event <= 2 && event !== 1), false);
  assert.equal(echo.value, 'a');
  assert.equal(echo.handled(upTo(2)), true);
  assert.equal(echo.value, '');
});
