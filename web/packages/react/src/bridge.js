// @annex/bridge for code that runs in the sandbox. In a UI Kit session what goes to the
// server is done here, as the user who is present, and what goes to the page is told to the
// shell. A function that imports it (a file shared by page and back end does) gets members
// that reject with NOT_OFFERED when used.
import { kernel } from '@annex/runtime/kernel';
import { NotOfferedError, notOffered, notOfferedNow } from '@annex/runtime/faults';
import { classed } from '@annex/runtime/errors';
import { asker, askProduct } from '@annex/runtime/product';
import { granted as compare } from '../../bridge/src/granted.js';
import { makeHistory } from '../../bridge/src/history.js';
import { makePermissions } from '../../bridge/src/permissions.js';
import { attended, effect, listen, surroundings } from './session.js';

const members = (name, list) => Object.freeze(Object.fromEntries(list.map((m) => [m, notOffered(`${name}.${m}`)])));

/** Calls a function of the module's resolver, as the user who is present. */
export async function invoke(functionKey, payload = undefined) {
  await attended('invoke');
  if (typeof functionKey !== 'string' || functionKey === '') throw careless('invoke needs the key of a resolver function');
  try {
    const { body } = await kernel.call('ui.invoke', { functionKey }, asJSON(payload ?? null, 'The payload of invoke'));
    return body === undefined || body.length === 0 ? undefined : JSON.parse(kernel.decode(body));
  } catch (err) {
    throw refused(err);
  }
}

// careless is what is thrown for arguments that mean nothing, as in an app's own page.
const careless = (message) => new BridgeAPIError(message, { code: 'INVALID_ARGUMENT' });

// asJSON is a value's text; there is none of what refers to itself, of a function or a BigInt.
function asJSON(value, what) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (err) {
    throw careless(`${what} is no JSON: ${err.message}`);
  }
  if (text === undefined) throw careless(`${what} is no JSON`);
  return text;
}

// refused has the page ask the user where their agreement is what was missing.
function refused(err) {
  const provider = err?.options?.provider;
  if (err?.code === 'NEEDS_AUTHENTICATION_ERR') effect(provider ? 'connect' : 'consent', provider ? { provider, scopes: err.options.scopes } : {});
  return classed(err);
}
export const makeInvoke = () => invoke;

const request = (member, product) => ({
  async [member](path, init = undefined) {
    await attended(member);
    return ask(product, path, init);
  },
}[member]);

async function ask(product, path, init) {
  try {
    return await askProduct(asker(product, 'user'), String(path?.value ?? path), init);
  } catch (err) {
    throw refused(err);
  }
}
export const requestJira = request('requestJira', 'jira');
export const requestConfluence = request('requestConfluence', 'confluence');
export const requestBitbucket = request('requestBitbucket', 'bitbucket');
/** Asks the product that has the name as its key or alias. */
export async function requestProduct(product, path, init = undefined) {
  await attended('requestProduct');
  return ask(String(product), path, init);
}

/** Asks the endpoint that answers for the module, as the user who is present. */
export async function invokeRemote(request = {}) {
  await attended('invokeRemote');
  const { path, method, headers, body } = asked('invokeRemote', request);
  const text = body === undefined || typeof body === 'string' ? body : asJSON(body, 'The body of invokeRemote');
  const r = await askRemote({ resolver: true }, path, { method: method ?? 'GET', headers: { 'content-type': 'application/json', ...headers }, body: text });
  if (r.status === 401) throw new BridgeAPIError('The remote refused the invocation token.', { code: 'REMOTE_REFUSED' });
  const answer = await r.text();
  if (answer === '' && !r.ok) throw new BridgeAPIError(`The remote answered with status ${r.status}.`, { code: 'REMOTE_ANSWER' });
  let out;
  try {
    out = answer === '' ? undefined : JSON.parse(answer);
  } catch {
    throw new BridgeAPIError('The remote answered with something else than JSON.', { code: 'REMOTE_ANSWER' });
  }
  return { status: r.status, headers: Object.fromEntries(r.headers), body: out };
}
export const invokeService = notOffered('invokeService');
/** Asks a remote by its key; the host adds an invocation token. */
export async function requestRemote(remoteKey, request = {}) {
  await attended('requestRemote');
  if (typeof remoteKey !== 'string' || remoteKey === '') throw careless('requestRemote needs the key of a remote');
  const { path, ...init } = asked('requestRemote', request ?? {});
  return askRemote({ remote: remoteKey, plain: true }, path, init);
}

// asked reads what a remote is asked for.
function asked(member, request) {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) throw careless(`${member} takes an object: path, method, headers, body`);
  const { path = '', headers = {} } = request;
  if (typeof (path?.value ?? path) !== 'string') throw careless(`the path of ${member} is a text`);
  if (typeof headers !== 'object') throw careless(`the headers of ${member} are an object`);
  return { ...request, path, headers: headers ?? {} };
}

async function askRemote(who, path, init) {
  try {
    return await askProduct(who, path.value ?? path, init);
  } catch (err) {
    // What is no request, such as a method that does not exist, is refused before anybody is asked.
    throw err instanceof TypeError || err instanceof RangeError ? careless(err.message) : refused(err);
  }
}
export const requestTeamworkGraph = notOffered('requestTeamworkGraph');
export const getCallBridge = notOfferedNow('getCallBridge');
export const createUploadPromise = notOffered('createUploadPromise');
export const getCookieConsentPreferences = notOffered('getCookieConsentPreferences');

/** What the app may know of where it is shown. The server vouches for the resolver's context, not for this one's use. */
export async function getContext() {
  await attended('view.getContext');
  return productContext();
}

/** The same, at once: inside a session it is there. */
export function productContext() {
  const { ctx } = kernel.current();
  return {
    accountId: ctx.accountId, cloudId: ctx.cloudId, workspaceId: ctx.workspaceId, extension: ctx.extension ?? {}, license: ctx.license,
    localId: ctx.localId, locale: ctx.locale, moduleKey: ctx.moduleKey, siteUrl: ctx.siteUrl, timezone: ctx.timezone,
    theme: surroundings().theme, environmentId: ctx.environmentId, environmentType: ctx.environmentType, permissions: ctx.permissions,
    userAccess: { enabled: false, hasAccess: true }, surfaceColor: surroundings().surfaceColor ?? null,
    extensionContext: ctx.extension ?? {}, platformContext: ctx.extension ?? {}, // what older apps read
  };
}

// fromPage is what the page answers to an effect: it comes back as an event.
const questions = new Map();
let lastAsk = 0;
function fromPage(command, payload) {
  const id = ++lastAsk;
  effect(command, { ...payload, id });
  return new Promise((resolve, reject) => { questions.set(id, { resolve, reject }); });
}

// tell is a member that the shell carries out.
const tell = (member, command, payloadOf = (payload) => payload) => ({
  async [member](...args) {
    await attended(member);
    effect(command, payloadOf(...args));
  },
}[member]);

const place = (to) => (typeof to === 'string' ? { type: 'url', url: to } : { type: 'location', location: to });

export const router = Object.freeze({
  navigate: tell('navigate', 'navigate', (to) => ({ ...place(to), newTab: false })),
  open: tell('open', 'navigate', (to) => ({ ...place(to), newTab: true })),
  reload: tell('reload', 'reload', () => ({})),
  /** The address of a place in the product, as a URL: the product's page knows it. */
  async getUrl(to) {
    await attended('router.getUrl');
    if (typeof to !== 'string' && !to?.target) throw careless('a place is an address, or has a target');
    return new URL(await fromPage('getUrl', place(to)));
  },
});

let past; // one for all of a session

export const view = Object.freeze({
  getContext,
  submit: tell('submit', 'submit', (payload) => ({ payload })),
  close: tell('close', 'close', (payload) => ({ payload })),
  refresh: tell('refresh', 'refresh', (payload) => ({ payload })),
  open: tell('open', 'open', () => ({})),
  changeWindowTitle: tell('changeWindowTitle', 'changeWindowTitle', (title) => ({ title: String(title) })),
  emitReadyEvent: tell('emitReadyEvent', 'emitReadyEvent', () => ({})),
  async onClose(fn) {
    await attended('view.onClose');
    effect('onClose', { callback: fn });
  },
  /** The place within the app, which the product's page keeps in its address. */
  async createHistory() {
    await attended('view.createHistory');
    if (past === undefined) {
      past = makeHistory((_, { action, to, by }) => effect('history', action === 'GO' ? { delta: by } : { location: to, replace: action === 'REPLACE' }), surroundings().location ?? '/');
      listen('location', past.moved);
    }
    return past.api;
  },
  getFrameDispatch: notOffered('view.getFrameDispatch'),
  createAdfRendererIframeProps: notOffered('view.createAdfRendererIframeProps'),
  theme: Object.freeze({
    // The renderer follows the product's theme by itself.
    enable: tell('enable', 'enableTheming', () => ({})),
    onChange: async (fn) => ({ unsubscribe: listen('theme', fn) }),
  }),
});

let lastFlag = 0;
/** Shows a message beside the page; close takes it away. */
export function showFlag(given = {}) {
  if (!kernel.inSession) throw new NotOfferedError('showFlag outside of a user interface');
  const options = given ?? {};
  const id = options.id === undefined ? `flag-${++lastFlag}` : String(options.id);
  const { title, description, type, appearance, isAutoDismiss } = options;
  const actions = (Array.isArray(options.actions) ? options.actions : []).map((a) => ({ text: a?.text, onClick: a?.onClick }));
  effect('showFlag', { id, title, description, type, appearance, isAutoDismiss, actions });
  return { close: async () => { effect('closeFlag', { id }); return true; } };
}

/** A page of the app's own in a dialog: one of its resources. */
export class Modal {
  constructor(options = {}) {
    const { resource = null, onClose = () => {}, size = 'medium', context = {}, closeOnEscape = true, closeOnOverlayClick = true, title } = options ?? {};
    Object.assign(this, { resource, onClose, size, context, closeOnEscape, closeOnOverlayClick, title });
  }

  async open() {
    await attended('Modal.open');
    const { resource, onClose, size, context, closeOnEscape, closeOnOverlayClick, title } = this;
    effect('openModal', { resource, onClose, size, context, closeOnEscape, closeOnOverlayClick, title });
  }
}

/** Events among the parts of one app on the page. */
export const events = Object.freeze({
  async emit(event, payload = undefined) {
    await attended('events.emit');
    effect('emit', { event: String(event), payload });
  },
  async on(event, fn) {
    await attended('events.on');
    effect('on', { event: String(event) });
    return { unsubscribe: listen(`event:${event}`, fn) };
  },
  emitPublic: notOffered('events.emitPublic'),
  onPublic: notOffered('events.onPublic'),
});

/** Which of the named permissions are granted. */
export async function checkPermissions(wanted = {}) {
  await attended('checkPermissions');
  return permitted(wanted);
}

/** The same, at once. The host decides each use again. */
export function permitted(need = {}) {
  const { scopes = [], external = {}, remotes = [] } = need ?? {};
  const all = (list) => [list ?? []].flat();
  const names = (list) => all(list).map((url) => (typeof url === 'string' ? url : String(url?.address)));
  const wanted = Object.fromEntries(Object.entries(external ?? {}).map(([type, list]) => [type,
    type === 'fetch' ? Object.fromEntries(Object.entries(list ?? {}).map(([side, urls]) => [side, names(urls)])) : names(list)]));
  const { granted, missing } = compare(kernel.current()?.ctx.permissions, { scopes: all(scopes), external: wanted, remotes: all(remotes) });
  return { granted, missing: missing ?? {} };
}

export { i18n } from './i18n.js';
export const realtime = members('realtime', ['subscribe', 'publish', 'subscribeGlobal', 'publishGlobal']);

// What is configured is read on the server; what an admin has to be asked, or does, goes by
// the page, whose session says who is there.
const reads = new Set(['egress.get', 'egress.domains', 'remote.get', 'remote.getRemote']);

function settled({ id, result, error } = {}) {
  const one = questions.get(id);
  questions.delete(id);
  if (error) one?.reject(new BridgeAPIError(error.message, error));
  else one?.resolve(result);
}
listen('permissions.settled', settled);
listen('settled', settled);

async function permission(command, payload) {
  await attended('permissions');
  if (reads.has(command)) return (await kernel.call('permissions.read', { command, payload })).head;
  return fromPage('permissions.ask', { command, payload });
}

export const permissions = makePermissions(permission);
export const { dynamicEgress, dynamicRemotes } = permissions;
export const objectStore = members('objectStore', ['upload', 'download', 'getMetadata', 'delete']);
export const rovo = members('rovo', ['open', 'isEnabled']);
export const frontendCustomMetrics = members('frontendCustomMetrics', ['counter']);
export class FeatureFlags {
  constructor() { this.initialize = notOffered('FeatureFlags.initialize'); }
}
/** What the bridge refuses; `code` says why. */
export class BridgeAPIError extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.name = 'BridgeAPIError';
    for (const [k, v] of Object.entries(fields)) if (k !== 'message' && k !== 'stack' && k !== '__proto__') this[k] = v;
  }
}
export const NavigationTarget = Object.freeze({
  Module: 'module', ContentView: 'contentView', ContentEdit: 'contentEdit', ContentList: 'contentList', SpaceView: 'spaceView',
  UserProfile: 'userProfile', Dashboard: 'dashboard', Issue: 'issue', ProjectSettingsDetails: 'projectSettingsDetails',
});
export default { invoke, view, router, events, requestJira, requestConfluence, showFlag, Modal };
