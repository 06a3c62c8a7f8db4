// What an app may ask for while it runs, in the words of both forms: groups, and a flat list
// of hosts. run(command, payload) has the platform carry it out; what is asked for is shown to
// an admin by the platform itself, and the promise waits for that.
import { slips } from './slips.js';

const list = (domains) => (Array.isArray(domains) ? domains : [domains]).map(String);

/** makePermissions gives the members over something that runs commands. */
export function makePermissions(run) {
  let known = []; // what was configured when it was last heard of

  const refreshed = async (answer) => {
    const out = await answer;
    known = await run('egress.domains', {}).then((now) => now.domains, () => known);
    return out;
  };

  // domainsNow is an array at once, of what was known, and the present one when awaited.
  function domains() {
    const out = [...known];
    Object.defineProperty(out, 'then', {
      enumerable: false,
      value: (done, failed) => run('egress.domains', {}).then(({ domains: now }) => { known = now; return [...now]; }).then(done, failed),
    });
    return out;
  }

  const egress = {
    get: (payload = {}) => run('egress.get', payload),
    set: (payload) => refreshed(run('egress.set', payload)),
    deleteDomain: (payload) => refreshed(run('egress.deleteDomain', payload)).then(() => undefined),
    deleteGroup: (payload) => refreshed(run('egress.deleteGroup', payload)).then(() => undefined),
    requestDomains: (wanted, { types, purpose } = {}) => refreshed(run('egress.requestDomains', { domains: list(wanted), ...(types && { types }), ...(purpose && { purpose: String(purpose) }) })),
    removeDomains: (gone) => refreshed(run('egress.removeDomains', { domains: list(gone) })).then(() => true),
    domains,
  };
  const remote = {
    get: (payload = {}) => run('remote.get', payload),
    set: (payload) => run('remote.set', payload),
    setRemote: (key, url) => run('remote.setRemote', { key: String(key), url: url === undefined ? null : url }),
    getRemote: async (key) => (await run('remote.getRemote', { key: String(key) })).url ?? undefined,
  };
  return slips(egress, remote);
}
