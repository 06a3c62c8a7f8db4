// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export class BridgeAPIError extends Error {}
export class FeatureFlags {
  constructor(options?: any);
  [member: string]: any;
}
export class Modal {
  constructor(options?: any);
  [member: string]: any;
}
export const NavigationTarget: Record<string, string>;
/** What a manifest would ask for: scopes, and hosts by what they are for. */
export interface WantedPermissions {
  scopes?: string[];
  external?: { fetch?: { backend?: string[]; client?: string[] } } & Partial<Record<'images' | 'media' | 'scripts' | 'styles' | 'fonts' | 'frames' | 'navigation', string[]>>;
}
/** Which of the wanted permissions the installation has now, and which it lacks. */
export function checkPermissions(wanted?: WantedPermissions): Promise<{ granted: boolean; missing: WantedPermissions | null }>;
export const createUploadPromise: any;
export const events: any;
export const frontendCustomMetrics: any;
export const getCallBridge: any;
export const getContext: any;
export const i18n: any;
export const invoke: any;
export const invokeRemote: any;
export const invokeService: any;
export const makeInvoke: any;
export const objectStore: any;
/** A way of sending data. */
export type EgressType = 'FETCH_BACKEND_SIDE' | 'FETCH_CLIENT_SIDE' | 'FONTS' | 'FRAMES' | 'IMAGES' | 'MEDIA' | 'SCRIPTS' | 'STYLES' | 'NAVIGATION';
export interface EgressDomain { domain: string; type: EgressType[] }
export interface EgressGroup { key: string; description?: string; configured: EgressDomain[] }
export interface Page { keys?: string[]; pageSize?: number; nextPageToken?: string }
export interface RemoteSetting { key: string; name?: string; configured: { endpoint: string | null } }
/** What a promise of these rejects with; status is 400, 403, 422 or 429. */
export interface PermissionError extends Error {
  code: 'ADMIN_REQUIRED' | 'PERMISSION_DECLINED' | 'NOT_CONFIGURABLE' | 'OUTSIDE_BOUNDS' | 'BAD_DOMAIN' | 'BAD_REQUEST' | 'DUPLICATE_KEY' | 'DUPLICATE_DOMAIN' | 'SWITCHED_OFF' | 'ASK_PENDING' | 'ASK_LATER' | (string & {});
  status?: number;
  /** Seconds until the app may ask again. */
  retryAfter?: number;
}
export interface EgressPermissions {
  get(wanted?: Page): Promise<{ results: EgressGroup[]; nextPageToken?: string }>;
  /** Has an admin, who has to be present, approve the groups as a whole. @throws PermissionError */
  set(wanted: { egresses: EgressGroup[] }): Promise<{ results: EgressGroup[] }>;
  deleteDomain(gone: { key: string; domain: string; type?: EgressType }): Promise<void>;
  deleteGroup(gone: { key: string }): Promise<void>;
  /** Has an admin, who has to be present, choose what the hosts may be used for. */
  requestDomains(domains: string | string[], options?: { types?: EgressType[]; purpose?: string }): Promise<false | { granted: EgressDomain[]; declined: EgressDomain[] }>;
  removeDomains(domains: string | string[]): Promise<true>;
  /** What is configured: at once as last heard of, and as it is now when awaited. */
  domains(): string[] & PromiseLike<string[]>;
  /** The same: a slip of the RFC's pen. */
  domainsDomains(): string[] & PromiseLike<string[]>;
}
export interface RemotePermissions {
  get(wanted?: Page): Promise<{ results: RemoteSetting[]; nextPageToken?: string }>;
  /** An endpoint null gives the manifest's back. @throws PermissionError */
  set(wanted: { remotes: { key: string; configured: { endpoint: string | null } }[] }): Promise<{ results: RemoteSetting[] }>;
  setRemote(key: string, url: string | null): Promise<{ results: RemoteSetting[] }>;
  getRemote(key: string): Promise<string | undefined>;
}
export interface Permissions {
  egress: EgressPermissions;
  remote: RemotePermissions;
  dynamicEgress(): EgressPermissions & { addDomain(domain: string, options?: { types?: EgressType[]; purpose?: string }): ReturnType<EgressPermissions['requestDomains']> };
  dynamicRemotes(): RemotePermissions;
}
/** What an app may ask for while it runs. */
export const permissions: Permissions;
export const dynamicEgress: Permissions['dynamicEgress'];
export const dynamicRemotes: Permissions['dynamicRemotes'];
export const realtime: any;
export const requestBitbucket: any;
export const requestConfluence: any;
export const requestJira: any;
export const requestProduct: any;
export const requestRemote: any;
export const requestTeamworkGraph: any;
export const router: any;
export const rovo: any;
export const showFlag: any;
export const view: any;
declare const all: any;
export default all;
