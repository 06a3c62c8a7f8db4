import test from 'node:test';
import assert from 'node:assert/strict';
import { makePermissions } from '../src/permissions.js';

// host answers as the platform does, and notes what it was asked.
function host(answers) {
  const asked = [];
  const run = async (command, payload) => {
    asked.push([command, payload]);
    const out = answers[command];
    if (out instanceof Error) throw out;
    return typeof out === 'function' ? out(payload) : out;
  };
  return { asked, permissions: makePermissions(run) };
}

test('the flat form: what was granted, or nothing', async () => {
  const { asked, permissions } = host({
    'egress.requestDomains': { granted: [{ domain: 'a.example', type: ['IMAGES'] }], declined: [] }, 'egress.domains': { domains: ['a.example'] }, 'egress.removeDomains': { removed: true },
  });
  assert.deepEqual([...permissions.egress.domains()], []);
  assert.deepEqual((await permissions.egress.requestDomains(['a.example'], { purpose: 'Pictures' })).granted, [{ domain: 'a.example', type: ['IMAGES'] }]);
  assert.deepEqual(asked[0], ['egress.requestDomains', { domains: ['a.example'], purpose: 'Pictures' }]);
  assert.equal(permissions.egress.domains().includes('a.example'), true); // at once
  const awaited = await permissions.egress.domainsDomains();
  assert.deepEqual(awaited, ['a.example']);
  assert.equal(awaited.then, undefined);
  assert.equal(await permissions.egress.removeDomains('a.example'), true);
  const no = host({ 'egress.requestDomains': false, 'egress.domains': { domains: [] } });
  assert.equal(await no.permissions.egress.requestDomains(['b.example']), false);
});

test('the grouped form rejects unless approved', async () => {
  const declined = Object.assign(new Error('not granted'), { code: 'PERMISSION_DECLINED', status: 403 });
  const { permissions } = host({ 'egress.set': declined, 'egress.get': { results: [] }, 'egress.deleteGroup': {}, 'egress.domains': new Error('no answer') });
  await assert.rejects(() => permissions.egress.set({ egresses: [] }), { code: 'PERMISSION_DECLINED' });
  assert.deepEqual(await permissions.egress.get(), { results: [] });
  assert.equal(await permissions.egress.deleteGroup({ key: 'a' }), undefined); // the list is beside it
});

test('the slips of the pen mean what they mean', async () => {
  const { asked, permissions } = host({ 'egress.requestDomains': false, 'egress.domains': { domains: [] }, 'remote.setRemote': { results: [] }, 'remote.getRemote': { url: 'https://r.example' } });
  await permissions.dynamicEgress().addDomain('c.example');
  await permissions.dynamicRemotes().setRemote('backend', 'https://r.example');
  assert.equal(await permissions.remote.getRemote('backend'), 'https://r.example');
  await permissions.remote.setRemote('backend');
  assert.deepEqual(asked.filter(([c]) => c !== 'egress.domains'), [
    ['egress.requestDomains', { domains: ['c.example'] }], ['remote.setRemote', { key: 'backend', url: 'https://r.example' }],
    ['remote.getRemote', { key: 'backend' }], ['remote.setRemote', { key: 'backend', url: null }],
  ]);
});
