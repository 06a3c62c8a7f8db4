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
  await assert.rejects(kvs.set('k', 1, { returnMetadataFields: ['SIZE'] }), { code: 'INVALID_METADATA_FIELD' });
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
  await q.cursor(null).getMany(); // as loops over pages begin
  assert.equal(await q.getOne(), undefined);
  assert.deepEqual(host.calls.map((c) => c.head), [{ prefix: 'p', limit: 2 }, { prefix: 'p', cursor: 'c' }, { prefix: 'p', cursor: undefined }, { prefix: 'p', limit: 1 }]);
  assert.throws(() => kvs.query().where('key', WhereConditions.equalTo('x')), { code: 'QUERY_WHERE_INVALID' });
});

const bytes = (value) => new TextEncoder().encode(JSON.stringify(value));
const sent = (n) => JSON.parse(new TextDecoder().decode(host.calls[n].body));

test('what a write returns', async () => {
  host.on('kvs.set', ({ returnValue }) => ({ head: { found: true, createdAt: 1, updatedAt: 2, expiresAt: 3000 }, body: returnValue === 'PREVIOUS' ? bytes('old') : undefined }));
  assert.equal(await kvs.set('k', 1), undefined);
  assert.deepEqual(await kvs.set('k', 1, { returnValue: 'PREVIOUS' }), { key: 'k', value: 'old' });
  assert.deepEqual(await kvs.set('k', { a: 1 }, { returnValue: 'LATEST', returnMetadataFields: ['CREATED_AT', 'EXPIRE_TIME'] }),
    { key: 'k', value: { a: 1 }, createdAt: 1, expireTime: '1970-01-01T00:00:03.000Z' });
  host.on('kvs.get', () => ({ head: { found: true, createdAt: 1, updatedAt: 2 }, body: bytes(7) }));
  assert.equal(await kvs.get('k'), 7);
  assert.deepEqual(await kvs.get('k', { metadataFields: ['UPDATED_AT', 'EXPIRE_TIME'] }), { key: 'k', value: 7, updatedAt: 2 });
});

test('entities', async () => {
  host.on('kvs.entity.query', (head, body) => ({ body: bytes(JSON.parse(new TextDecoder().decode(body)).cursor ? { results: [{ key: 'k', value: {}, createdAt: 1, updatedAt: 2 }] } : { results: [], nextCursor: 'c' }) }));
  const filter = new Filter().and('a', FilterConditions.equalTo(1)).and('b', FilterConditions.exists());
  const query = kvs.entity('e').query({ metadataFields: ['CREATED_AT'] }).index('i', { partition: [1] }).where(WhereConditions.between([1, 2])).filters(filter).sort('DESC');
  assert.deepEqual(await query.getMany(), { results: [], nextCursor: 'c' });
  assert.deepEqual(sent(0), {
    entity: 'e', index: 'i', partition: [1], where: { condition: 'BETWEEN', value: [1, 2] }, sort: 'DESC', times: true,
    filters: [{ operator: 'and', field: 'a', condition: 'EQUAL_TO', value: 1 }, { operator: 'and', field: 'b', condition: 'EXISTS', value: [] }],
  });
  assert.deepEqual(await query.getOne(), { key: 'k', value: {}, createdAt: 1 }, 'an empty page is not the end');
  assert.throws(() => kvs.entity('e').query().filters({}), { code: 'INVALID_FILTER_VALUE' });
  host.on('kvs.entity.set', () => ({ head: {} }));
  await kvs.entity('e').set('k', { a: 1 }, { keyPolicy: 'FAIL_IF_EXISTS' });
  assert.deepEqual(host.calls.at(-1).head, { entity: 'e', key: 'k', keyPolicy: 'FAIL_IF_EXISTS' });
});

test('transactions and batches', async () => {
  host.on('kvs.transact', () => ({}));
  await kvs.transact().set('a', 1).delete('b').check('c', { entityName: 'e', conditions: new Filter().or('x', FilterConditions.contains('y')) }).execute();
  assert.deepEqual(sent(0), [{ do: 'set', key: 'a', value: 1 }, { do: 'delete', key: 'b' },
    { do: 'check', key: 'c', entityName: 'e', conditions: [{ operator: 'or', field: 'x', condition: 'CONTAINS', value: 'y' }] }]);
  host.on('kvs.batch.get', () => ({ body: bytes({ successfulKeys: [{ key: 'a', value: 1, createdAt: 5, updatedAt: 6 }], failedKeys: [{ key: 'b', error: { code: 'KEY_NOT_FOUND', message: 'm' } }] }) }));
  assert.deepEqual(await kvs.batchGet([{ key: 'a', options: { metadataFields: ['CREATED_AT'] } }, { key: 'b' }]),
    { successfulKeys: [{ key: 'a', value: 1, createdAt: 5 }], failedKeys: [{ key: 'b', error: { code: 'KEY_NOT_FOUND', message: 'm' } }] });
  host.on('kvs.batch.set', () => ({ body: bytes({ successfulKeys: [{ key: 'a' }], failedKeys: [] }) }));
  assert.deepEqual(await kvs.batchSet([{ key: 'a', value: 1, options: { ttl: { value: 1, unit: 'DAYS' } } }]), { successfulKeys: [{ key: 'a' }], failedKeys: [] });
  assert.deepEqual(sent(2), [{ key: 'a', value: 1, ttlSeconds: 86400 }]);
  await assert.rejects(kvs.batchSet([{ key: 'a' }]), { code: 'INVALID_VALUE' });
  await assert.rejects(kvs.batchDelete(), { code: 'INVALID_REQUEST' });
});
