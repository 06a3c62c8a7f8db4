// A host that is none, for a front end in a plain browser tab: it answers what the page asks
// from `globalThis.annexSimulation`, if the page sets it, and else with what a small product
// would say. It is never used where there is a real host.
//
//   globalThis.annexSimulation = {
//     context: { extension: { issue: { key: 'DEMO-1' } } },
//     functions: { list: (payload) => [] },                  // invoke('list', payload)
//     request: (product, path, init) => new Response('{}'),  // requestProduct
//     translations: { 'en-US': { greeting: 'Hello' } },
//   };
import { BridgeError } from './callbridge.js';

export function simulatedConnection() {
  const hearers = new Set();
  const tell = (event, payload) => { for (const fn of hearers) fn(event, payload); };
  const given = () => globalThis.annexSimulation ?? {};
  const colorMode = () => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const say = (...args) => console.info('[simulated host]', ...args);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => tell('theme', { colorMode: colorMode() }));

  const answers = {
    getContext: () => ({
      accountId: 'alice', accountType: 'licensed', principal: { accountId: 'alice', accountType: 'licensed' }, userAccess: { enabled: false, hasAccess: true },
      cloudId: 'simulated-site', moduleKey: 'simulated', environmentId: 'simulated-environment', installContext: 'ari:cloud:simulated::site/simulated-site', surfaceColor: null, localId: 'ari:cloud:ecosystem::extension/app/environment/static/simulated',
      environmentType: 'DEVELOPMENT', locale: navigator.language, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, siteUrl: location.origin,
      extension: { type: 'simulated' }, permissions: { scopes: [], external: {} }, theme: { colorMode: colorMode() }, ...given().context,
    }),
    async invoke({ functionKey, payload }) {
      const fn = given().functions?.[functionKey];
      if (!fn) say(`invoke("${functionKey}") has no answer: set annexSimulation.functions`, payload);
      return structuredClone((await fn?.(structuredClone(payload))) ?? {}); // as the host does where a function gives nothing
    },
    async fetchProduct({ product, restPath, fetchRequestInit }) {
      const { request } = given();
      if (!request) throw new BridgeError(`request to ${product} has no answer: set annexSimulation.request`, { code: 'NOT_OFFERED' });
      const r = await request(product, restPath, fetchRequestInit);
      return { status: r.status, statusText: r.statusText, headers: Object.fromEntries(r.headers), body: await r.text() };
    },
    getTranslations: ({ locale } = {}) => {
      const all = given().translations ?? {};
      const at = [locale, navigator.language, ...Object.keys(all)].find((l) => l && all[l]);
      return { locale: at ?? navigator.language, translations: at ? all[at] : null };
    },
    enableTheming: () => ({ colorMode: colorMode() }),
    createHistory: () => location.hash.slice(1) || '/',
    history: ({ action, to, by }) => {
      if (action === 'GO') history.go(by);
      else history[action === 'PUSH' ? 'pushState' : 'replaceState'](null, '', `#${to}`);
    },
    navigate: ({ url }) => say('would go to', url),
    getUrl: () => location.href,
    reload: () => location.reload(),
    refresh: () => location.reload(),
    openModal: (p) => (say('would open a dialog', p), { id: 'simulated' }),
    showFlag: (p) => (say('flag:', p.title, p.description ?? ''), true),
    closeFlag: () => true, resize: () => {}, escape: () => {}, onClose: () => true, closed: () => {},
    submit: (p) => (say('submitted', p), true), close: (p) => (say('closed', p), true), open: () => true,
    changeWindowTitle: (t) => { document.title = t; }, emitReadyEvent: () => {}, isRovoEnabled: () => false,
    on: () => {}, onPublic: () => {},
    emit: ({ event, payload }) => tell('event', { kind: 'on', name: event, payload: structuredClone(payload) }),
    emitPublic: ({ event, payload }) => tell('event', { kind: 'onPublic', name: event, payload: structuredClone(payload) }),
  };
  addEventListener('popstate', () => tell('history', location.hash.slice(1) || '/'));
  return {
    async send(command, payload) {
      if (!Object.hasOwn(answers, command)) throw new BridgeError(`${command} is not offered by this product.`, { code: 'NOT_OFFERED', command });
      return answers[command](payload);
    },
    listen: (fn) => void hearers.add(fn),
  };
}
