import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host, kernel } from '../../runtime/test/mock-kernel.js';
import api, * as all from '../src/index.js';

beforeEach(() => host.reset());
const json = (value) => ({ body: new TextEncoder().encode(JSON.stringify(value)) });

test('web trigger addresses', async () => {
  host.on('webtrigger.url', ({ moduleKey }) => ({ head: { url: `https://x.example/${moduleKey}` } }));
  host.on('webtrigger.list', () => ({ head: { urls: ['u'] } }));
  host.on('webtrigger.delete', () => ({}));
  assert.equal(await all.webTrigger.getUrl('hook'), 'https://x.example/hook');
  assert.deepEqual(await all.webTrigger.queryUrls(), ['u']);
  await all.webTrigger.deleteUrl('u');
  assert.deepEqual(host.calls.map((c) => c.head), [{ moduleKey: 'hook' }, {}, { url: 'u' }]);
});

test('the context of the running call', () => {
  host.call.ctx = { appAri: 'ari:cloud:ecosystem::app/1', environmentAri: 'ari:cloud:ecosystem::environment/1/2', installationAri: 'ari:cloud:ecosystem::installation/3', appVersion: '2.1.0', permissions: { scopes: ['a'], external: { fetch: { backend: ['https://*.x.example', 'https://y.example:8443'] } } } };
  const context = all.getAppContext();
  assert.equal(`${context.environmentAri}`, 'ari:cloud:ecosystem::environment/1/2');
  assert.equal(context.environmentAri.environmentId, '2');
  assert.equal(context.installationAri.installationId, '3');
  assert.equal(context.moduleKey, 'module-1');
  assert.equal(context.invocationRemainingTimeInMillis(), 1000);
  const may = (url) => all.permissions.canFetchFrom('backend', url);
  assert.deepEqual(['https://a.x.example/p', 'https://a.b.x.example', 'https://x.example', 'http://a.x.example', 'https://y.example', 'https://y.example:8443/z', 'https://evilx.example', 'nonsense://'].map(may), [true, true, false, false, false, true, false, false]);
  assert.equal(all.permissions.hasPermission({ scopes: ['a'], external: { fetch: { backend: ['https://a.x.example'] } } }), true);
  assert.equal(all.permissions.hasPermission({ scopes: ['b'] }), false);
  host.call.ctx = { permissions: { external: { fetch: { backend: [], client: ['https://api.example/v1/', '*.live.example', 'wss://ws.example'] }, images: ['*'], fonts: ['fonts.example/a.woff2'] } } };
  const { canFetchFrom, canLoadResource, hasPermission } = all.permissions;
  const page = (url) => canFetchFrom('client', url);
  assert.deepEqual(['https://api.example/v1/x', 'https://api.example/v2', 'https://a.live.example/x?y', 'https://live.example', 'wss://ws.example/a', 'https://ws.example'].map(page), [true, false, true, false, true, false]);
  assert.deepEqual([canFetchFrom('backend', 'api.example'), canLoadResource('images', 'https://x.example:8443/a'), canLoadResource('images', 'http://x.example'), canLoadResource('media', 'https://x.example')], [false, true, false, false]);
  assert.deepEqual([canLoadResource('fonts', 'https://fonts.example/a.woff2'), canLoadResource('fonts', 'https://fonts.example/b.woff2')], [true, false]);
  assert.equal(hasPermission({ external: { images: ['https://x.example'], fetch: { client: ['https://a.live.example'] } } }), true);
  assert.equal(hasPermission({ external: { scripts: ['https://x.example'] } }), false);
  host.call.ctx = { permissions: { remotes: ['logs'] } };
  assert.deepEqual([all.permissions.hasRemote('logs'), all.permissions.hasRemote('home'), hasPermission({ remotes: ['logs'] }), hasPermission({ remotes: ['logs', 'home'] })], [true, false, true, false]);
  assert.throws(() => canFetchFrom('frontend', 'x'), TypeError);
  assert.throws(() => canLoadResource('fetch', 'x'), TypeError);
  host.call = null;
  assert.throws(() => all.getAppContext(), { code: 'NO_CONTEXT' });
});

test('the old storage stands on the store', async () => {
  host.on('kvs.query', () => json({ results: [{ key: 'a1', value: 1 }], nextCursor: 'c' }));
  const start = all.storage.query().where('key', all.startsWith('a'));
  assert.deepEqual(await start.limit(3).cursor('b').getMany(), { results: [{ key: 'a1', value: 1 }], nextCursor: 'c' });
  assert.deepEqual(await start.getOne(), { key: 'a1', value: 1 });
  assert.deepEqual(host.calls.map((c) => JSON.parse(JSON.stringify(c.head))), [{ prefix: 'a', limit: 3, cursor: 'b' }, { prefix: 'a', limit: 1 }]);
  assert.throws(() => all.storage.query().where('value', all.startsWith('a')), { code: 'QUERY_WHERE_INVALID' });
  host.on('kvs.entity.query', () => ({ body: new TextEncoder().encode('{"results":[]}') }));
  const shared = all.storage.entity('e').query().index('i', { partition: [1] }).where(all.WhereConditions.isGreaterThan(1)).sort(all.SortOrder.DESC);
  await shared.andFilter('a', all.FilterConditions.doesNotContain('x')).andFilter('b', all.FilterConditions.equalsTo(1)).limit(3).getMany();
  await shared.getMany();
  const queries = host.calls.filter((c) => c.method === 'kvs.entity.query').map((c) => JSON.parse(new TextDecoder().decode(c.body)));
  assert.deepEqual(queries, [
    { entity: 'e', index: 'i', partition: [1], where: { condition: 'GREATER_THAN', value: 1 }, sort: 'DESC', limit: 3,
      filters: [{ operator: 'and', field: 'a', condition: 'NOT_CONTAINS', value: 'x' }, { operator: 'and', field: 'b', condition: 'EQUAL_TO', value: 1 }] },
    { entity: 'e', index: 'i', partition: [1], where: { condition: 'GREATER_THAN', value: 1 }, sort: 'DESC' },
  ]);
});

test('app events are published from here as from @annex/events', async () => {
  host.on('events.publish', () => ({ head: {} }));
  await all.appEvents.publish([{ key: 'a' }, { key: 'b' }]);
  assert.deepEqual(host.calls[0].head, { events: [{ key: 'a' }, { key: 'b' }] });
});

test('members that are not built name themselves', async () => {
  const calls = [
    () => api.invokeService('r', {}), () => all.authorize().onConfluenceContent(1).canUpdate(), () => all.properties.onConfluencePage('A').get('k'),
    () => all.asUser('bob').withProvider('p').fetch('/x'), () => all.asUser('bob').withProvider('p').asAccount('a').getAccount(),
    () => all.privacy.reportPersonalData([]), () => all.i18n.getTranslations('en'),
  ];
  for (const call of calls) await assert.rejects(async () => call(), { name: 'NotOfferedError', code: 'NOT_OFFERED' });
  assert.equal(await all.i18n, all.i18n);
  assert.equal(host.calls.length, 0);
});

test('a function reads what is configured, and asks for nothing', async () => {
  await assert.rejects(() => all.permissions.egress.set({}), { code: 'ADMIN_REQUIRED', status: 403 });
  await assert.rejects(() => all.permissions.remote.setRemote('r', 'https://a.example'), { code: 'ADMIN_REQUIRED' });
  assert.equal(host.calls.length, 0);
});

test('nothing asks the host while the module is loaded', () => {
  assert.equal(host.calls.length, 0);
  assert.equal(kernel.moduleScope, false);
});
