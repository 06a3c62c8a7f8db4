// @annex/bridge in an app's page. It speaks through `globalThis.__bridge`, which hosting puts
// into each of the app's documents; in a tab without one it has a simulated host of its own.
import { BridgeError, makeCallBridge } from './callbridge.js';
import { simulatedConnection } from './simulated.js';
import { makeRequests } from './requests.js';
import { granted } from './granted.js';
import { makePermissions } from './permissions.js';
import { applyTheme } from './theme.js';

export { BridgeError as BridgeAPIError };

let simulated;

/** getCallBridge gives the door to the host. */
export function getCallBridge() {
  if (globalThis.__bridge?.callBridge) return globalThis.__bridge.callBridge;
  if (globalThis.parent !== globalThis) throw new BridgeError('This page has no host: it is in a frame that hosting did not make.', { code: 'NO_HOST' });
  simulated ??= makeCallBridge(simulatedConnection());
  return simulated;
}

const ask = async (command, payload) => getCallBridge()(command, payload);

function offered(name) {
  return async () => { throw new BridgeError(`${name} is not offered by this product.`, { code: 'NOT_OFFERED', member: name }); };
}

// --- functions of the app

const most = 500 << 10;
const window_ = { since: 0, used: 0 };

/** invoke calls a function of the app, by the name that its resolver defines. */
export async function invoke(functionKey, payload) {
  if (typeof functionKey !== 'string' || functionKey === '') throw new BridgeError('The name of the function is a text.', { code: 'INVALID_ARGUMENT' });
  const text = JSON.stringify(payload ?? null, (_, v) => {
    if (typeof v === 'function') throw new BridgeError('Functions cannot be passed to a function of the app.', { code: 'INVALID_ARGUMENT' });
    return v;
  });
  if (text === undefined) throw new BridgeError('A payload is data.', { code: 'INVALID_ARGUMENT' });
  if (text.length > most) throw new BridgeError(`The payload is larger than ${most} bytes.`, { code: 'LIMIT_PAYLOAD' });
  const now = Date.now();
  if (now - window_.since > 25_000) Object.assign(window_, { since: now, used: 0 });
  if (++window_.used > 500) throw new BridgeError('A page may call functions 500 times in 25 seconds.', { code: 'LIMIT_BRIDGE' });
  return ask('invoke', { functionKey, payload: payload === undefined ? undefined : JSON.parse(text) });
}

/** makeInvoke is invoke, for those who type it. */
export const makeInvoke = () => invoke;

export const invokeRemote = (payload) => ask('fetchRemote', payload);
export const invokeService = offered('invokeService');

// --- the view

const success = (what) => (ok) => {
  if (ok === false) throw new BridgeError(`This view cannot be ${what}.`, { code: 'NOT_HERE' });
  return undefined;
};

export const getContext = () => ask('getContext');
export const view = Object.freeze({
  getContext,
  submit: (payload) => ask('submit', payload).then(success('submitted')),
  close: (payload) => ask('close', payload).then(success('closed')),
  onClose: (fn) => ask('onClose', fn).then(success('closed')),
  open: () => ask('open').then(success('opened')),
  refresh: (payload) => ask('refresh', payload).then(success('refreshed')),
  createHistory: () => ask('createHistory'),
  changeWindowTitle: (title) => ask('changeWindowTitle', String(title)),
  emitReadyEvent: () => ask('emitReadyEvent'),
  getFrameDispatch: offered('view.getFrameDispatch'),
  createAdfRendererIframeProps: offered('view.createAdfRendererIframeProps'),
  theme: Object.freeze({
    enable: () => ask('enableTheming'),
    onChange: (fn) => ask('on', { event: 'annex:theme', callback: (t) => { applyTheme(t); fn(t); } }),
  }),
});

// --- going elsewhere

export const NavigationTarget = Object.freeze({
  Module: 'module', ContentView: 'contentView', ContentEdit: 'contentEdit', ContentList: 'contentList', SpaceView: 'spaceView',
  UserProfile: 'userProfile', Dashboard: 'dashboard', Issue: 'issue', ProjectSettingsDetails: 'projectSettingsDetails',
});

function placed(to, type) {
  if (typeof to === 'string') return { url: to, type };
  if (!to?.target) throw new BridgeError('A place is an address, or has a target.', { code: 'INVALID_ARGUMENT' });
  return { ...to, type };
}

export const router = Object.freeze({
  navigate: async (to) => ask('navigate', placed(to, 'same-tab')),
  open: async (to) => ask('navigate', placed(to, 'new-tab')),
  getUrl: async (to) => new URL(await ask('getUrl', placed(to))),
  reload: () => ask('reload'),
});

/** Modal shows another resource of the app in a dialog over the product's page. */
export class Modal {
  constructor({ resource = null, onClose, size = 'medium', context = {}, closeOnEscape = true, closeOnOverlayClick = true, title = '', icon = '' } = {}) {
    Object.assign(this, { resource, onClose: onClose ?? (() => {}), size, context, closeOnEscape, closeOnOverlayClick, title, icon });
  }

  async open() {
    const { resource, onClose, size, context, closeOnEscape, closeOnOverlayClick, title, icon } = this;
    if ((await ask('openModal', { resource, onClose, size, context, closeOnEscape, closeOnOverlayClick, title, icon })) === false) throw new BridgeError('The dialog cannot be opened.', { code: 'NOT_HERE' });
  }
}

/** showFlag says something at the edge of the product's page. */
export function showFlag(options) {
  if (!options?.id) throw new BridgeError('A flag has an id.', { code: 'INVALID_ARGUMENT' });
  const shown = ask('showFlag', { type: 'info', ...options });
  shown.catch(() => {});
  return {
    close: async () => {
      await shown;
      return ask('closeFlag', { id: options.id });
    },
  };
}

// --- frames of the same app

export const events = Object.freeze({
  on: (event, callback) => ask('on', { event, callback }),
  emit: (event, payload) => ask('emit', { event, payload }),
  onPublic: offered('events.onPublic'),
  emitPublic: offered('events.emitPublic'),
});

// --- the product, as the user who is present

const requests = makeRequests(ask);
export const { requestProduct, requestJira, requestConfluence, requestBitbucket, requestRemote } = requests;
export const requestTeamworkGraph = offered('requestTeamworkGraph');

// --- texts

let texts = new Map();

async function getTranslations(locale = null, { fallback = true } = {}) {
  const key = `${locale} ${fallback}`;
  if (!texts.has(key)) texts.set(key, ask('getTranslations', { locale: locale ?? undefined, fallback }).catch((e) => { texts.delete(key); throw e; }));
  return texts.get(key);
}

export const i18n = Object.freeze({
  getTranslations,
  async createTranslationFunction(locale = null) {
    const { translations } = await getTranslations(locale);
    return (key, otherwise) => {
      const found = translations && (typeof translations[key] === 'string' ? translations[key] : key.split('.').reduce((at, part) => at?.[part], translations));
      return typeof found === 'string' ? found : (otherwise ?? key);
    };
  },
  resetTranslationsCache() { texts = new Map(); },
});

// --- what the installation was granted

/** checkPermissions says what of the wanted permissions is granted, and what is missing. */
export async function checkPermissions(wanted = {}) {
  return granted((await getContext()).permissions, wanted);
}

export const permissions = makePermissions((command, payload) => ask('permissions', { command, payload }));
export const { dynamicEgress, dynamicRemotes } = permissions;

// --- what there is a name for, and nothing behind it here

const group = (name, members) => Object.freeze(Object.fromEntries(members.map((m) => [m, offered(`${name}.${m}`)])));
export const realtime = group('realtime', ['subscribe', 'publish', 'subscribeGlobal', 'publishGlobal']);
export const objectStore = group('objectStore', ['upload', 'download', 'getMetadata', 'delete']);
export const rovo = Object.freeze({ open: offered('rovo.open'), isEnabled: async () => false });
export const frontendCustomMetrics = group('frontendCustomMetrics', ['counter']);
export const createUploadPromise = offered('createUploadPromise');
export const getCookieConsentPreferences = offered('getCookieConsentPreferences');
export class FeatureFlags {
  initialize = offered('FeatureFlags.initialize');
}

export default { invoke, view, router, events, requestJira, requestConfluence, showFlag, Modal };
