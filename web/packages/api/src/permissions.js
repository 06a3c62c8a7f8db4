// What the installation grants the app, as the app may ask before it tries.
import { NotOfferedError, notOffered } from '@annex/runtime/faults';
import { URL } from '@annex/runtime/url';
import { getAppContext } from './context.js';

const granted = () => getAppContext().permissions ?? {};

/** Whether a scope is granted. @param {string} scope */
function hasScope(scope) { return (granted().scopes ?? []).includes(scope); }

/**
 * Whether a backend request to the URL is granted now. The host decides each request
 * again; this answers for code that wants to know before.
 * @param {'backend'} type other types throw NOT_OFFERED
 */
function canFetchFrom(type, url) {
  if (type !== 'backend') throw new NotOfferedError(`permissions.canFetchFrom(${JSON.stringify(type)})`);
  let parsed;
  try {
    parsed = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`);
  } catch {
    return false;
  }
  return (granted().external?.fetch?.backend ?? []).some((pattern) => covers(pattern, parsed));
}

// covers compares scheme, host and port; "*" is https on 443.
function covers(pattern, url) {
  const port = url.port || (url.protocol === 'http:' ? '80' : '443');
  if (pattern === '*') return url.protocol === 'https:' && port === '443';
  const found = /^(?:([a-z]+):\/\/)?(\*\.)?([^:/*]+)(?::(\d+))?(?:\/.*)?$/.exec(pattern);
  if (!found) return false;
  const [, scheme = 'https', wild, host, wanted = scheme === 'http' ? '80' : '443'] = found;
  if (url.protocol !== `${scheme}:` || port !== wanted) return false;
  return wild ? url.hostname.endsWith(`.${host}`) && url.hostname.length > host.length + 1 : url.hostname === host;
}

/** Whether all the named permissions are granted: `{ scopes, external: { fetch: { backend } } }`. */
function hasPermission({ scopes = [], external = {} } = {}) {
  for (const [type, list] of Object.entries(external)) {
    if (type !== 'fetch') throw new NotOfferedError(`permissions.hasPermission with external.${type}`);
    for (const side of Object.keys(list)) if (side !== 'backend') throw new NotOfferedError(`permissions.hasPermission with external.fetch.${side}`);
  }
  return scopes.every(hasScope) && (external.fetch?.backend ?? []).every((url) => canFetchFrom('backend', url));
}

const group = (name, members) => Object.freeze(Object.fromEntries(members.map((m) => [m, notOffered(`permissions.${name}.${m}`)])));

/** The permission questions, and the doors of configurable egress (not offered). */
export const permissions = Object.freeze({
  hasScope,
  canFetchFrom,
  hasPermission,
  canLoadResource(type) { throw new NotOfferedError(`permissions.canLoadResource(${JSON.stringify(type)})`); },
  egress: group('egress', ['get', 'set', 'deleteDomain', 'deleteGroup', 'requestDomains', 'removeDomains', 'domains', 'domainsDomains']),
  remote: group('remote', ['get', 'set', 'setRemote', 'getRemote']),
});
