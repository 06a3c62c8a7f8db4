import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host } from '../../runtime/test/mock-kernel.js';
import kvs, { Filter, FilterConditions, ForgeKvsAPIError, ForgeKvsError, WhereConditions } from '../src/index.js';

beforeEach(() => host.reset());

test('values travel as JSON', async () => {
  const kept = new Map();
  for (const space of ['kvs', 'kvs.secret']) {
    host.on(`${space}.set`, ({ key }, body) => { kept.set(space + key, body); });
    host.on(`${space}.get`, ({ key }) => ({ head: { found: kept.has(space + key) }, body: kept.get(space + key) }));
  }
  for (const value of [null, 0, '', 'ü🎉', [1, { a: [] }], { deep: { x: true } }]) {
    await kvs.set('k', value);
    assert.deepEqual(await kvs.get('k'), value);
  }
  assert.equal(await kvs.getSecret('k'), undefined);
  await kvs.setSecret('k', 's');
  assert.equal(await kvs.getSecret('k'), 's');
  assert.equal(await kvs.get('other'), undefined);
});

test('a value without JSON is refused before it leaves', async () => {
  for (const value of [undefined, () => {}, Symbol('x')]) await assert.rejects(kvs.set('k', value), { code: 'INVALID_VALUE' });
  await assert.rejects(kvs.set('k', 1n), TypeError);
  assert.equal(host.calls.length, 0);
});

test('options', async () => {
  host.on('kvs.set', () => ({}));
  await kvs.set('k', 1, { ttl: { value: 2, unit: 'HOURS' }, keyPolicy: 'FAIL_IF_EXISTS' });
  assert.deepEqual(host.calls[0].head, { key: 'k', ttlSeconds: 7200, keyPolicy: 'FAIL_IF_EXISTS' });
  for (const ttl of [{ value: 1, unit: 'WEEKS' }, { value: 0, unit: 'DAYS' }, {}, null]) await assert.rejects(kvs.set('k', 1, { ttl }), { code: 'INVALID_TTL' });
  await assert.rejects(kvs.set('k', 1, { ttl: { value: 0, unit: 'DAYS' } }), /ttl\.value is 0/);
  await assert.rejects(kvs.set('k', 1, { returnValue: 'LATEST' }), { code: 'NOT_OFFERED' });
});

test('refusals keep their code and get the class', async () => {
  host.on('kvs.get', () => { throw Object.assign(new Error('too long'), { name: 'KEY_TOO_LONG', code: 'KEY_TOO_LONG', status: 400 }); });
  const err = await kvs.get('x'.repeat(501)).catch((e) => e);
  assert.ok(err instanceof ForgeKvsAPIError && err instanceof ForgeKvsError && err instanceof Error);
  assert.deepEqual([err.name, err.code, err.status, err.message], ['ForgeKvsAPIError', 'KEY_TOO_LONG', 400, 'too long']);
  assert.deepEqual(err.responseDetails, { status: 400, statusText: 'KEY_TOO_LONG' });
});

test('queries', async () => {
  host.on('kvs.query', () => ({ body: new TextEncoder().encode('{"results":[]}') }));
  const q = kvs.query().where('key', WhereConditions.beginsWith('p'));
  await q.limit(2).getMany();
  await q.cursor('c').getMany();
  assert.equal(await q.getOne(), undefined);
  assert.deepEqual(host.calls.map((c) => c.head), [{ prefix: 'p', limit: 2 }, { prefix: 'p', cursor: 'c' }, { prefix: 'p', limit: 1 }]);
  assert.throws(() => kvs.query().where('key', WhereConditions.equalTo('x')), { code: 'QUERY_WHERE_INVALID' });
});

test('entities and transactions can be written and refuse to run', async () => {
  const filter = new Filter().and('a', FilterConditions.equalTo(1));
  await assert.rejects(kvs.entity('e').query().index('i', { partition: [1] }).where(WhereConditions.between([1, 2])).filters(filter).sort('DESC').limit(1).getMany(), { code: 'NOT_OFFERED' });
  await assert.rejects(kvs.transact().set('a', 1).delete('b').execute(), { code: 'NOT_OFFERED' });
  await assert.rejects(kvs.batchGet([]), { code: 'NOT_OFFERED' });
});
