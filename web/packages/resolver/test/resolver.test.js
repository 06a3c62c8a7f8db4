import assert from 'node:assert/strict';
import test from 'node:test';
import Resolver, { makeResolver } from '../src/index.js';

test('definitions are one function', async () => {
  const resolver = new Resolver();
  assert.equal(resolver.define('issue/get-one', ({ payload }) => payload.n + 1), resolver);
  const handler = resolver.getDefinitions();
  assert.equal(typeof handler, 'function');
  assert.equal(await handler({ call: { functionKey: 'issue/get-one', payload: { n: 1 } } }), 2);
});

test('the payload may be missing, and nothing becomes an empty object', async () => {
  const handler = makeResolver({ a: ({ payload }) => (assert.deepEqual(payload, {}), undefined), b: async () => null });
  assert.deepEqual(await handler({ call: { functionKey: 'a' } }), {});
  assert.equal(await handler({ call: { functionKey: 'b' } }), null);
});

test('what the server says of the call wins over what came with the payload', async () => {
  const handler = makeResolver({ who: ({ context }) => context.accountId });
  assert.equal(await handler({ call: { functionKey: 'who' }, context: { accountId: 'bob' } }, { accountId: 'alice' }), 'alice');
});

test('an unknown key, and the names every object has, are errors', async () => {
  const handler = new Resolver().getDefinitions();
  for (const functionKey of ['x', 'constructor', '__proto__', 'toString', undefined]) await assert.rejects(handler({ call: { functionKey } }), { code: 'RESOLVER_NOT_FOUND' });
  await assert.rejects(handler(), { code: 'RESOLVER_NOT_FOUND' });
  assert.throws(() => new Resolver().define('x', 5), TypeError);
});
