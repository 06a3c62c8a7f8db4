// @annex/api: what a function calls. Apps written for Forge import it as @forge/api.
import { kernel } from '@annex/runtime/kernel';
import { notOffered, notOfferedGroup, notOfferedNow } from '@annex/runtime/faults';
import { fetch } from '@annex/runtime/http';
import { asApp, asUser, requestAtlassian, requestBitbucket, requestConfluence, requestGraph, requestJira } from './product.js';
import { storage, store } from './storage.js';
import { webTrigger } from './webtrigger.js';
import { invokeRemote, requestRemote } from './remote.js';

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
export * from './remote.js';
export { __getRuntime, bindInvocationContext, getAppContext } from './context.js';
export { authorize } from './authorize.js';
export { permissions } from './permissions.js';
export { properties } from './properties.js';
export { appEvents } from '@annex/events';

export const invokeService = notOffered('invokeService');
export const invokeEndpoint = notOffered('invokeEndpoint');
export const __fetchProduct = notOfferedNow('__fetchProduct');

/** Reports on personal data; not offered. */
export const privacy = Object.freeze({ reportPersonalData: notOffered('privacy.reportPersonalData') });
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
