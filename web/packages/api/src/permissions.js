// What the installation grants the app, as the app may ask before it tries.
import { kernel } from '@annex/runtime/kernel';
import { URL } from '@annex/runtime/url';
import { getAppContext } from './context.js';

const granted = () => getAppContext().permissions ?? {};

/** Whether a scope is granted. @param {string} scope */
function hasScope(scope) { return (granted().scopes ?? []).includes(scope); }

/** Whether a remote can be called now: it is granted, and has an address. @param {string} key */
function hasRemote(key) { return (granted().remotes ?? []).includes(key); }

// What a page may load beside fetching, in the manifest's words.
const resources = ['images', 'media', 'scripts', 'styles', 'fonts', 'frames', 'navigation'];

/**
 * Whether a request to the URL is granted now: one of a function ("backend") or one of a
 * page ("client"). Host and browser decide each request again; this answers for code that
 * wants to know before.
 * @param {'backend' | 'client'} type
 * @param {string} url
 */
function canFetchFrom(type, url) {
  if (type !== 'backend' && type !== 'client') throw new TypeError(`permissions.canFetchFrom: the type is "backend" or "client", not ${JSON.stringify(type)}`);
  return some(granted().external?.fetch?.[type], url, type === 'backend' ? covers : pageCovers);
}

/**
 * Whether a page may load such a resource from the URL.
 * @param {'images' | 'media' | 'scripts' | 'styles' | 'fonts' | 'frames' | 'navigation'} type
 * @param {string} url
 */
function canLoadResource(type, url) {
  if (!resources.includes(type)) throw new TypeError(`permissions.canLoadResource: the type is one of ${resources.join(', ')}, not ${JSON.stringify(type)}`);
  return some(granted().external?.[type], url, pageCovers);
}

function some(patterns, url, rule) {
  if (patterns === undefined) return false;
  let parsed;
  try {
    parsed = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `https://${url}`);
  } catch {
    return false;
  }
  return patterns.some((pattern) => rule(pattern, parsed));
}

const ports = { 'http:': '80', 'ws:': '80' };
const portOf = (url) => url.port || (ports[url.protocol] ?? '443');

// covers compares scheme, host and port; "*" is https on 443.
function covers(pattern, url) {
  if (pattern === '*') return url.protocol === 'https:' && portOf(url) === '443';
  const found = /^(?:([a-z]+):\/\/)?(\*\.)?([^:/*]+)(?::(\d+))?(?:\/.*)?$/.exec(pattern);
  if (!found) return false;
  const [, scheme = 'https', wild, host, wanted = ports[`${scheme}:`] ?? '443'] = found;
  if (url.protocol !== `${scheme}:` || portOf(url) !== wanted) return false;
  return wild ? url.hostname.endsWith(`.${host}`) && url.hostname.length > host.length + 1 : url.hostname === host;
}

// pageCovers is covers as browsers read a policy: "*" is https on any port, and a path
// counts, as a beginning when it ends in "/".
function pageCovers(pattern, url) {
  if (pattern === '*') return url.protocol === 'https:';
  if (!covers(pattern, url)) return false;
  const path = /^(?:[a-z]+:\/\/)?[^/]*(\/.*)?$/.exec(pattern)?.[1] ?? '/';
  return path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path;
}

/** Whether all the named permissions are granted, as a manifest would ask for them: `{ scopes, remotes, external: { fetch: { backend, client }, images, … } }`. */
function hasPermission({ scopes = [], external = {}, remotes = [] } = {}) {
  const { fetch = {}, ...others } = external;
  return scopes.every(hasScope) && remotes.every(hasRemote) &&
    Object.entries(fetch).every(([type, urls]) => urls.every((url) => canFetchFrom(type, url))) &&
    Object.entries(others).every(([type, urls]) => urls.every((url) => canLoadResource(type, url)));
}

// What a function reads of what is configured. Asking for more takes an admin in front of a
// page: a function has none.
const read = async (command, payload) => (await kernel.call('permissions.read', { command, payload })).head;
const asks = (name) => async () => {
  throw Object.assign(new Error(`permissions.${name} asks an admin, so it is called from a page of the app: a function has nobody in front of it.`), { name: 'AdminRequiredError', code: 'ADMIN_REQUIRED', status: 403 });
};
const domains = async () => (await read('egress.domains', {})).domains;

/** The permission questions, and what is configured. */
export const permissions = Object.freeze({
  hasScope,
  hasRemote,
  canFetchFrom,
  hasPermission,
  canLoadResource,
  egress: Object.freeze({
    get: (payload = {}) => read('egress.get', payload),
    domains, domainsDomains: domains,
    ...Object.fromEntries(['set', 'deleteDomain', 'deleteGroup', 'requestDomains', 'removeDomains'].map((m) => [m, asks(`egress.${m}`)])),
  }),
  remote: Object.freeze({
    get: (payload = {}) => read('remote.get', payload),
    getRemote: async (key) => (await read('remote.getRemote', { key: String(key) })).url ?? undefined,
    ...Object.fromEntries(['set', 'setRemote'].map((m) => [m, asks(`remote.${m}`)])),
  }),
});
