/** What a promise of the bridge rejects with. */
export interface BridgeErrorFacts {
  code?: string;
  /** Of a refusal: who would have to allow what. */
  allowedBy?: string;
  reasonId?: string;
  status?: number;
  [fact: string]: unknown;
}
/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
/** Where a front end stands, and for whom. It is the page's word: functions get their own from the server. */
export interface FullContext {
  accountId: string;
  cloudId: string;
  workspaceId?: string;
  /** What the product signed of the place, and of the module. */
  extension: ExtensionContext;
  license?: { active?: boolean; isActive?: boolean; [fact: string]: unknown };
  localId: string;
  locale: string;
  moduleKey: string;
  siteUrl: string;
  timezone: string;
  theme?: Theme;
  environmentId: string;
  environmentType: 'DEVELOPMENT' | 'STAGING' | 'PRODUCTION' | (string & {});
  permissions?: { scopes: string[]; external: Record<string, unknown> };
  userAccess?: { enabled: boolean; hasAccess: boolean };
  surfaceColor?: string | null;
  [fact: string]: any;
}
export interface ExtensionContext {
  /** The module's type and key in the app's manifest. */
  type: string;
  moduleKey: string;
  issue?: { id: string; key: string; type?: string };
  project?: { id: string; key: string; name?: string; type?: string };
  /** What the user configured. */
  config?: any;
  /** What Modal was given, in its page. */
  modal?: any;
  [fact: string]: any;
}
export interface Theme { colorMode: 'light' | 'dark' | (string & {}); [fact: string]: unknown }
export interface Subscription { unsubscribe(): void }
/** A place in the product. */
export interface Place {
  target: 'module' | 'contentView' | 'contentEdit' | 'contentList' | 'spaceView' | 'userProfile' | 'dashboard' | 'issue' | 'projectSettingsDetails' | (string & {});
  moduleKey?: string;
  path?: string;
  issueKey?: string;
  projectKey?: string;
  accountId?: string;
  dashboardId?: string;
  contentId?: string;
  spaceKey?: string;
}
export interface HistoryLocation { pathname: string; search: string; hash: string; state: unknown; key: string }
/** What view.createHistory gives: libraries of routes take it. */
export interface History {
  location: HistoryLocation;
  action: 'POP' | 'PUSH' | 'REPLACE';
  push(to: string | Partial<HistoryLocation>, state?: unknown): void;
  replace(to: string | Partial<HistoryLocation>, state?: unknown): void;
  go(by: number): void;
  goBack(): void;
  goForward(): void;
  back(): void;
  forward(): void;
  listen(listener: (update: any, action?: any) => void): () => void;
  createHref(to: string | Partial<HistoryLocation>): string;
  block(): () => void;
}
export interface ModalOptions {
  /** The key of one of the app's resources; null is the module's own. */
  resource?: string | null;
  onClose?: (payload?: any) => void;
  size?: 'small' | 'medium' | 'large' | 'xlarge' | 'max' | 'fullscreen' | 'resizable' | { width?: string; height?: string };
  /** What its page finds in extension.modal. */
  context?: any;
  closeOnEscape?: boolean;
  closeOnOverlayClick?: boolean;
  title?: string;
  icon?: string;
}
export interface FlagOptions {
  id: string | number;
  title?: string;
  description?: string;
  type?: 'info' | 'success' | 'warning' | 'error' | (string & {});
  appearance?: 'info' | 'success' | 'warning' | 'error' | (string & {});
  isAutoDismiss?: boolean;
  actions?: { text: string; onClick: () => void }[];
}
export class BridgeAPIError extends Error implements BridgeErrorFacts {
  code?: string;
  allowedBy?: string;
  reasonId?: string;
  status?: number;
  [fact: string]: unknown;
}
/** Not offered. */
export class FeatureFlags {
  constructor(options?: unknown);
  initialize: NotOffered;
}
/** Shows another resource of the app in a dialog over the product's page. */
export class Modal implements ModalOptions {
  constructor(options?: ModalOptions);
  resource: string | null;
  onClose: (payload?: any) => void;
  size: NonNullable<ModalOptions['size']>;
  context: any;
  closeOnEscape: boolean;
  closeOnOverlayClick: boolean;
  title?: string;
  icon?: string;
  open(): Promise<void>;
}
export const NavigationTarget: {
  readonly Module: 'module'; readonly ContentView: 'contentView'; readonly ContentEdit: 'contentEdit'; readonly ContentList: 'contentList'; readonly SpaceView: 'spaceView';
  readonly UserProfile: 'userProfile'; readonly Dashboard: 'dashboard'; readonly Issue: 'issue'; readonly ProjectSettingsDetails: 'projectSettingsDetails';
};
/** What a manifest would ask for: scopes, and hosts by what they are for. */
export interface WantedPermissions {
  scopes?: string[];
  /** Keys of remotes that have an address. */
  remotes?: string[];
  external?: { fetch?: { backend?: string[]; client?: string[] } } & Partial<Record<'images' | 'media' | 'scripts' | 'styles' | 'fonts' | 'frames' | 'navigation', string[]>>;
}
/** Which of the wanted permissions the installation has now, and which it lacks. */
export function checkPermissions(wanted?: WantedPermissions): Promise<{ granted: boolean; missing: WantedPermissions | null }>;
/** Not offered. */
export const createUploadPromise: NotOffered;
export const getCookieConsentPreferences: NotOffered;
/** Events among the frames and views of one app on the page. */
export const events: {
  on<T = any>(event: string, callback: (payload: T) => void): Promise<Subscription>;
  emit(event: string, payload?: unknown): Promise<void>;
  /** Not offered. */
  onPublic: NotOffered;
  /** Not offered. */
  emitPublic: NotOffered;
};
/** Not offered. */
export const frontendCustomMetrics: { counter: NotOffered };
/** The door to the host, by its commands. */
export function getCallBridge(): (command: string, payload?: unknown) => Promise<any>;
export function getContext(): Promise<FullContext>;
export interface Translations { locale: string; translations: Record<string, any> | null }
export const i18n: {
  getTranslations(locale?: string | null, options?: { fallback?: boolean }): Promise<Translations>;
  createTranslationFunction(locale?: string | null): Promise<(key: string, otherwise?: string) => string>;
  resetTranslationsCache(): void;
};
/**
 * Calls a function of the module's resolver, as the user who is present.
 * @throws what the function threw, by its name and message; NEEDS_AUTHENTICATION_ERR where the user does not agree; LIMIT_PAYLOAD above 500 KB
 */
export function invoke<T = any>(functionKey: string, payload?: unknown): Promise<T>;
/** Asks the endpoint that answers for the module. */
export function invokeRemote<T = any>(request: { path?: string; method?: string; headers?: Record<string, string>; body?: unknown }): Promise<{ status: number; headers: Record<string, string>; body?: T }>;
/** Not offered. */
export const invokeService: NotOffered;
/** invoke, with the names and types of the app's own functions. */
export function makeInvoke<Functions extends Record<string, (payload: any) => any> = Record<string, (payload: any) => any>>(): <K extends keyof Functions & string>(
  functionKey: K, ...payload: Parameters<Functions[K]>) => Promise<Awaited<ReturnType<Functions[K]>>>;
/** Not offered. */
export const objectStore: { upload: NotOffered; download: NotOffered; getMetadata: NotOffered; delete: NotOffered };
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
/** Not offered. */
export const realtime: { subscribe: NotOffered; publish: NotOffered; subscribeGlobal: NotOffered; publishGlobal: NotOffered };
export function requestBitbucket(path: string, init?: RequestInit): Promise<Response>;
export function requestConfluence(path: string, init?: RequestInit): Promise<Response>;
/** Asks the product as the user who is present: what was not granted is answered with a 403. */
export function requestJira(path: string, init?: RequestInit): Promise<Response>;
/** Asks the product that has the name as its key or alias. */
export function requestProduct(product: string, path: string, init?: RequestInit): Promise<Response>;
/** Asks a remote by its key. */
export function requestRemote(remoteKey: string, request?: RequestInit & { path?: string }): Promise<Response>;
/** Not offered. */
export const requestTeamworkGraph: NotOffered;
export const router: {
  /** Goes to a place of the product; the user is asked before another site is opened. */
  navigate(to: string | Place): Promise<void>;
  open(to: string | Place): Promise<void>;
  /** @throws BridgeAPIError NOT_OFFERED where the product has no address for the place */
  getUrl(to: string | Place): Promise<URL>;
  reload(): Promise<void>;
};
/** Not offered; isEnabled says so. */
export const rovo: { open: NotOffered; isEnabled(): Promise<boolean> };
/** Says something at the edge of the product's page. */
export function showFlag(options: FlagOptions): { close(): Promise<boolean> };
export const view: {
  getContext(): Promise<FullContext>;
  submit(payload?: unknown): Promise<void>;
  close(payload?: unknown): Promise<void>;
  onClose(callback: () => void | Promise<void>): Promise<void>;
  open(): Promise<void>;
  refresh(payload?: unknown): Promise<void>;
  createHistory(): Promise<History>;
  changeWindowTitle(title: string): Promise<void>;
  emitReadyEvent(): Promise<void>;
  theme: { enable(): Promise<void>; onChange(callback: (theme: Theme) => void): Promise<Subscription> };
  /** Not offered. */
  getFrameDispatch: NotOffered;
  /** Not offered. */
  createAdfRendererIframeProps: NotOffered;
};
declare const all: {
  invoke: typeof invoke; view: typeof view; router: typeof router; events: typeof events; requestJira: typeof requestJira; requestConfluence: typeof requestConfluence;
  showFlag: typeof showFlag; Modal: typeof Modal;
};
export default all;
