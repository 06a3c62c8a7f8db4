// @annex/bridge, inside a function. The bridge belongs to pages; a function that
// imports it (a file shared by page and backend does) gets members that reject with
// NOT_OFFERED when used.
import { NotOfferedError, notOffered, notOfferedNow } from '@annex/runtime/faults';

const members = (name, list) => Object.freeze(Object.fromEntries(list.map((m) => [m, notOffered(`${name}.${m}`)])));

export const invoke = notOffered('invoke');
export const makeInvoke = () => invoke;
export const invokeRemote = notOffered('invokeRemote');
export const invokeService = notOffered('invokeService');
export const requestRemote = notOffered('requestRemote');
export const requestJira = notOffered('requestJira');
export const requestConfluence = notOffered('requestConfluence');
export const requestBitbucket = notOffered('requestBitbucket');
export const requestProduct = notOffered('requestProduct');
export const requestTeamworkGraph = notOffered('requestTeamworkGraph');
export const getContext = notOffered('getContext');
export const showFlag = notOfferedNow('showFlag');
export const checkPermissions = notOffered('checkPermissions');
export const getCallBridge = notOfferedNow('getCallBridge');
export const createUploadPromise = notOffered('createUploadPromise');
export const getCookieConsentPreferences = notOffered('getCookieConsentPreferences');

export const view = Object.freeze({
  ...members('view', ['getContext', 'submit', 'close', 'onClose', 'open', 'refresh', 'createHistory', 'changeWindowTitle', 'emitReadyEvent', 'getFrameDispatch', 'createAdfRendererIframeProps']),
  theme: members('view.theme', ['enable', 'onChange']),
});
export const router = members('router', ['navigate', 'open', 'getUrl', 'reload']);
export const events = members('events', ['on', 'emit', 'onPublic', 'emitPublic']);
export const realtime = members('realtime', ['subscribe', 'publish', 'subscribeGlobal', 'publishGlobal']);
export const i18n = members('i18n', ['getTranslations', 'createTranslationFunction', 'resetTranslationsCache']);
export const permissions = Object.freeze({
  egress: members('permissions.egress', ['get', 'set', 'deleteDomain', 'deleteGroup', 'requestDomains', 'removeDomains', 'domains', 'domainsDomains']),
  remote: members('permissions.remote', ['get', 'set', 'setRemote', 'getRemote']),
  dynamicEgress: notOfferedNow('permissions.dynamicEgress'), dynamicRemotes: notOfferedNow('permissions.dynamicRemotes'),
});
export const { dynamicEgress, dynamicRemotes } = permissions;
export const objectStore = members('objectStore', ['upload', 'download', 'getMetadata', 'delete']);
export const rovo = members('rovo', ['open', 'isEnabled']);
export const frontendCustomMetrics = members('frontendCustomMetrics', ['counter']);

export class Modal {
  constructor(options = {}) { this.options = options; }
  async open() { throw new NotOfferedError('Modal.open'); }
}
export class FeatureFlags {
  constructor() { this.initialize = notOffered('FeatureFlags.initialize'); }
}
export class BridgeAPIError extends Error {}
export const NavigationTarget = Object.freeze({
  Module: 'module', ContentView: 'contentView', ContentEdit: 'contentEdit', ContentList: 'contentList', SpaceView: 'spaceView',
  UserProfile: 'userProfile', Dashboard: 'dashboard', Issue: 'issue', ProjectSettingsDetails: 'projectSettingsDetails',
});
export default { invoke, view, router, events, requestJira, requestConfluence, showFlag, Modal };
