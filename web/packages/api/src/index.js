// @annex/api: what a function calls. Apps written for Forge import it as @forge/api.
import { kernel } from '@annex/runtime/kernel';
import { notOffered, notOfferedGroup, notOfferedNow } from '@annex/runtime/faults';
import { fetch } from '@annex/runtime/http';
import { asApp, asUser, requestAtlassian, requestBitbucket, requestConfluence, requestGraph, requestJira } from './product.js';
import { storage, store } from './storage.js';
import { webTrigger } from './webtrigger.js';

export { fetch } from '@annex/runtime/http';
export {
  ExternalEndpointNotAllowedError, FetchError, HttpError, InvalidWorkspaceRequestedError, NeedsAuthenticationError,
  NotAllowedError, ProductEndpointNotAllowedError, ProxyRequestError, RequestProductNotAllowedError,
  isExpectedError, isForgePlatformError, isHostedCodeError,
} from '@annex/runtime/errors';
export { NotOfferedError } from '@annex/runtime/faults';
export * from './product.js';
export { RouteError, assumeTrustedRoute, route, routeFromAbsolute } from './route.js';
export * from './storage.js';
export * from './webtrigger.js';
export { __getRuntime, bindInvocationContext, getAppContext } from './context.js';
export { permissions } from './permissions.js';
export { properties } from './properties.js';

export const requestRemote = notOffered('requestRemote');
export const invokeRemote = notOffered('invokeRemote');
export const invokeService = notOffered('invokeService');
export const invokeEndpoint = notOffered('invokeEndpoint');
export const __fetchProduct = notOfferedNow('__fetchProduct');

const can = (name) => Object.freeze({ ...Object.fromEntries(['canEdit', 'canView', 'canDelete', 'canAddComments', 'canAssign', 'canCreate', 'canMove', 'canResolve', 'canTransition', 'canUpdate', 'canRead', 'canRestore', 'canPurge', 'canExport', 'canArchive'].map((m) => [m, notOffered(`authorize().${name}.${m}`)])) });

/** Questions about the current user's permissions; each answer is not offered. */
export function authorize() { return authority; }
const authority = Object.freeze({
  onJira: notOffered('authorize().onJira'),
  onJiraProject: () => can('onJiraProject'),
  onJiraIssue: () => can('onJiraIssue'),
  onConfluence: notOffered('authorize().onConfluence'),
  onConfluenceContent: () => can('onConfluenceContent'),
  onConfluenceSpace: () => can('onConfluenceSpace'),
});

/** Reports on personal data; not offered. */
export const privacy = Object.freeze({ reportPersonalData: notOffered('privacy.reportPersonalData') });
/** Events that the app itself publishes; not offered. */
export const appEvents = Object.freeze({ publish: notOffered('appEvents.publish') });
/** Translations of the manifest; not offered. */
export const i18n = notOfferedGroup('i18n');
/** The chat assistant; not offered. */
export const rovo = notOfferedGroup('rovo');

/** The profile that an account retriever of an external provider returns. */
export class AuthProfile {
  /** @param {{id: string, displayName: string, avatarUrl?: string}} profile */
  constructor({ id, displayName, avatarUrl } = {}) {
    this.id = id;
    this.displayName = displayName;
    if (avatarUrl !== undefined) this.avatarUrl = avatarUrl;
  }
}

/** Writes one line to the app's log. */
export function __log(level, ...args) { kernel.log(level, args); }

export default {
  asApp, asUser, fetch, requestJira, requestConfluence, requestBitbucket, requestAtlassian, requestGraph,
  storage, store, webTrigger, invokeRemote, invokeService, requestRemote,
};
