/** A product path that went through `route`, `assumeTrustedRoute` or `routeFromAbsolute`. */
export interface Route {
  readonly value: string;
  toString(): string;
}

/**
 * The template tag for product paths.
 * @throws RouteError ROUTE_INVALID if a value before the first `?` or `#` holds a
 * separator, a dot segment or a control character, however encoded
 */
export function route(strings: TemplateStringsArray, ...values: unknown[]): Route;
/** Makes a Route of a path that the caller vouches for. @throws RouteError ROUTE_INVALID */
export function assumeTrustedRoute(path: string | Route): Route;
/** Makes a Route of an absolute URL's path and query. @throws RouteError ROUTE_INVALID */
export function routeFromAbsolute(url: string | URL): Route;

/**
 * Makes product calls. Each rejects with ROUTE_REQUIRED for a bare string, with PRODUCT_NOT_INSTALLED where the app is not
 * installed, with NEEDS_AUTHENTICATION_ERR (401) where the user has not agreed. What was not granted is answered with a
 * real 403, whose JSON body has code, message, reasonId, allowedBy and fix. Limits: 25 MB of body each way, 25 s, 500 calls a minute.
 */
export interface ProductCaller {
  requestProduct(product: string, path: Route, init?: RequestInit): Promise<Response>;
  requestJira(path: Route, init?: RequestInit): Promise<Response>;
  requestConfluence(path: Route, init?: RequestInit): Promise<Response>;
  requestBitbucket(path: Route, init?: RequestInit): Promise<Response>;
  requestCompass(path: Route, init?: RequestInit): Promise<Response>;
  requestTrello(path: Route, init?: RequestInit): Promise<Response>;
  requestAtlassian(path: Route, init?: RequestInit): Promise<Response>;
  requestGraph(query: string, variables?: object, headers?: Record<string, string>): Promise<Response>;
  requestTeamworkGraph(query: string, variables?: object): Promise<Response>;
  requestConnectedData(path: Route, init?: RequestInit): Promise<Response>;
  withContext(contextAri: string): ProductCaller;
}
export interface ExternalAccount { id: string; displayName: string; avatarUrl?: string; scopes: string[] }
export interface ExternalAuthAccountMethods {
  hasCredentials(scopes?: string[]): Promise<boolean>;
  requestCredentials(scopes?: string[]): Promise<boolean>;
  getAccount(): Promise<ExternalAccount | undefined>;
  fetch(path: string | Route, init?: RequestInit): Promise<Response>;
}
export interface ExternalAuth extends ExternalAuthAccountMethods {
  listAccounts(): Promise<ExternalAccount[]>;
  listCredentials(): Promise<unknown[]>;
  asAccount(id: string): ExternalAuthAccountMethods;
}
export interface UserCaller extends ProductCaller {
  withProvider(provider: string, remote?: string): ExternalAuth;
}
/** A service that the site's admin gave a credential for. */
export interface SiteProvider {
  hasCredentials(): Promise<boolean>;
  /** Rejects with PROVIDER_NOT_CONFIGURED, which says who can give the credential, where there is none. */
  requestCredentials(): Promise<boolean>;
  fetch(path: string | Route, init?: RequestInit): Promise<Response>;
}
export interface AppCaller extends ProductCaller {
  /** Of the types api_key, hmac and client_credentials: Annex's own. */
  withProvider(provider: string, remote?: string): SiteProvider;
}
/** Product calls with the app's own authority. */
export function asApp(): AppCaller;
/** Product calls as the user who is present; with accountId as one who need not be, where the grant and that user's own consent allow it. */
export function asUser(accountId?: string): UserCaller;
export function requestJira(path: Route, init?: RequestInit): Promise<Response>;
export function requestConfluence(path: Route, init?: RequestInit): Promise<Response>;
export function requestBitbucket(path: Route, init?: RequestInit): Promise<Response>;
export function requestAtlassian(path: Route, init?: RequestInit): Promise<Response>;
export function requestGraph(query: string, variables?: object): Promise<Response>;
export function __requestAtlassianAsApp(path: Route | string, init?: RequestInit): Promise<Response>;
export function __requestAtlassianAsUser(path: Route | string, init?: RequestInit): Promise<Response>;
export function __fetchProduct(...args: unknown[]): never;

/**
 * Fetches through the platform's broker: deny by default, 20 redirects at most, each
 * decided on its own. A refused destination rejects with ExternalEndpointNotAllowedError.
 */
export function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;

export const webTrigger: {
  /** The URL of a web trigger of this installation. */
  getUrl(moduleKey: string, forceCreate?: boolean): Promise<string>;
  queryUrls(moduleKey?: string): Promise<string[]>;
  /** Ends an address: from now on it answers 404. */
  deleteUrl(url: string): Promise<void>;
};

export interface QueryResult<T = any> { key: string; value: T }
export interface Query<T = any> {
  where(field: 'key', condition: WhereCondition): Query<T>;
  limit(limit: number): Query<T>;
  cursor(cursor?: string | null): Query<T>;
  getMany<V = T>(): Promise<{ results: QueryResult<V>[]; nextCursor?: string }>;
  getOne<V = T>(): Promise<QueryResult<V> | undefined>;
}
export interface WhereCondition { condition: string; value: any }
export interface SetOptions {
  ttl?: { value: number; unit: 'SECONDS' | 'MINUTES' | 'HOURS' | 'DAYS' };
  keyPolicy?: 'OVERRIDE' | 'FAIL_IF_EXISTS';
}
/** The installation's key-value store, in its old form. */
export const storage: {
  get<T = any>(key: string): Promise<T | undefined>;
  set(key: string, value: unknown, options?: SetOptions): Promise<void>;
  delete(key: string): Promise<void>;
  getSecret<T = any>(key: string): Promise<T | undefined>;
  setSecret(key: string, value: unknown): Promise<void>;
  deleteSecret(key: string): Promise<void>;
  query<T = any>(): Query<T>;
  /** Not offered. */
  entity<T = any>(name: string): any;
  /** Not offered. */
  transact(): any;
  /** Not offered. */
  batchGet(items: unknown[]): Promise<never>;
  /** Not offered. */
  batchSet(items: unknown[]): Promise<never>;
  /** Not offered. */
  batchDelete(items: unknown[]): Promise<never>;
};
/** Not offered. */
export const store: any;
/** The condition of `storage.query().where('key', …)`. */
export function startsWith(value: string): WhereCondition;
export const WhereConditions: Record<'beginsWith' | 'between' | 'equalsTo' | 'isGreaterThan' | 'isGreaterThanEqualTo' | 'isLessThan' | 'isLessThanEqualTo', (...values: any[]) => WhereCondition>;
export const FilterConditions: typeof WhereConditions & Record<'contains' | 'doesNotContain' | 'doesNotEqualTo' | 'exists' | 'doesNotExist', (...values: any[]) => WhereCondition>;
export const SortOrder: { readonly ASC: 'ASC'; readonly DESC: 'DESC' };
export class Filter {
  and(field: string, condition: WhereCondition): this;
  or(field: string, condition: WhereCondition): this;
  filters(): unknown[];
}
export const QueryBuilder: unknown;

export interface Ari { toString(): string; readonly appId?: string; readonly environmentId?: string; readonly installationId?: string; readonly resourceId: string }
export interface AppContext {
  appAri: Ari;
  appVersion: string;
  environmentAri: Ari;
  environmentType: 'DEVELOPMENT' | 'STAGING' | 'PRODUCTION' | string;
  installationAri: Ari;
  installationId: string;
  installContext: string;
  installation: { ari: string; contexts: { cloudId: string; ari: string }[] };
  moduleKey: string;
  moduleType?: string;
  functionKey?: string;
  license?: { active: boolean; [field: string]: unknown };
  permissions: { scopes: string[]; external: { fetch: { backend: string[] } } };
  invocationId: string;
  invocationRemainingTimeInMillis(): number;
}
/** What a page may load, in the manifest's words. */
export type PageResource = 'images' | 'media' | 'scripts' | 'styles' | 'fonts' | 'frames' | 'navigation';

/** Facts of the app and the running call. @throws NO_CONTEXT at module scope */
export function getAppContext(): AppContext;
export function bindInvocationContext<F extends (...args: any[]) => any>(fn: F): F;
export function __getRuntime(): any;

export const permissions: {
  hasScope(scope: string): boolean;
  canFetchFrom(type: 'backend' | 'client', url: string): boolean;
  canLoadResource(type: PageResource, url: string): boolean;
  /** Whether a remote can be called now: it is granted, and has an address. */
  hasRemote(key: string): boolean;
  hasPermission(wanted: { scopes?: string[]; remotes?: string[]; external?: { fetch?: { backend?: string[]; client?: string[] } } & Partial<Record<PageResource, string[]>> }): boolean;
  /** What is configured, as any call may read it. The others reject with ADMIN_REQUIRED: they are a page's. */
  egress: {
    get(wanted?: { keys?: string[]; pageSize?: number; nextPageToken?: string }): Promise<{ results: { key: string; configured: { domain: string; type: string[] }[] }[]; nextPageToken?: string }>;
    domains(): Promise<string[]>;
    domainsDomains(): Promise<string[]>;
  } & Record<'set' | 'deleteDomain' | 'deleteGroup' | 'requestDomains' | 'removeDomains', (...args: any[]) => Promise<never>>;
  remote: {
    get(wanted?: { keys?: string[]; pageSize?: number; nextPageToken?: string }): Promise<{ results: { key: string; name?: string; configured: { endpoint: string | null } }[]; nextPageToken?: string }>;
    getRemote(key: string): Promise<string | undefined>;
  } & Record<'set' | 'setRemote', (...args: any[]) => Promise<never>>;
};

type Later = (...args: any[]) => Promise<any>;
/** Not offered. */
/** Calls a remote of the app with an invocation token alone. */
export function requestRemote(remoteKey: string, options: RequestInit & { path: string }): Promise<Response>;
/** Not offered. */
/** Calls a remote of the app, with the tokens that its manifest entry switches on. */
export function invokeRemote(remoteKey: string, options: RequestInit & { path: string }): Promise<Response>;
/** Not offered. */
export const invokeService: Later;
/** Not offered. */
export const invokeEndpoint: Later;
export interface ProjectPermissions { permission: string; projects?: number[]; issues?: number[] }
type Ids = string | number | (string | number)[];
type Question = () => Promise<boolean>;
/** Questions about what the user who is present may do. Those of Confluence are not offered. */
export function authorize(): {
  onJira(asked: { permissions: string[]; projects?: (string | number)[]; issues?: (string | number)[] }[]): Promise<ProjectPermissions[]>;
  onJiraProject(ids: Ids): Record<string, Question>; onJiraIssue(ids: Ids): Record<string, Question>;
  onConfluence: Later; onConfluenceContent(id: any): Record<string, Later>; onConfluenceSpace(id: any): Record<string, Later>;
};
/** Properties of one of a product's things. get gives undefined where there is none; each rejects with an HttpError for the product's refusals. */
export interface EntityProperties { get(key: string): Promise<any>; set(key: string, value: unknown): Promise<void>; delete(key: string): Promise<void> }
/** Entity properties, as the app. Those of other products than Jira are not offered. */
export const properties: {
  onJiraIssue(issue: string): EntityProperties; onJiraProject(project: string): EntityProperties; onJiraUser(accountId: string): EntityProperties;
  onConfluencePage(id: string): EntityProperties; onConfluenceSpace(id: string): EntityProperties; onConfluenceContent(id: string): EntityProperties;
  onBitbucketRepository(id: string): EntityProperties;
};
export const privacy: { reportPersonalData: Later };
export { appEvents } from '@annex/events';
export const i18n: any;
export const rovo: any;
export function __log(level: 'debug' | 'info' | 'warn' | 'error', ...args: unknown[]): void;

/** The profile that an account retriever returns. */
export class AuthProfile {
  constructor(profile: { id: string; displayName: string; avatarUrl?: string });
  id: string;
  displayName: string;
  avatarUrl?: string;
}

export class HttpError extends Error { status: number; code?: string; statusText?: string; readonly statusCode: number }
export class FetchError extends Error {}
export class NotAllowedError extends HttpError { reasonId?: string; origin?: string; type?: string; allowedBy?: unknown; fix?: string }
export class ExternalEndpointNotAllowedError extends NotAllowedError {}
export class ProductEndpointNotAllowedError extends NotAllowedError {}
export class RequestProductNotAllowedError extends NotAllowedError {}
export class InvalidWorkspaceRequestedError extends NotAllowedError {}
export class NeedsAuthenticationError extends HttpError { serviceKey?: string; options: { scopes?: string[]; isExpectedError?: boolean } }
export class ProxyRequestError extends HttpError { constructor(status?: number, code?: string, message?: string) }
export class RouteError extends Error { code: 'ROUTE_INVALID' | 'ROUTE_REQUIRED'; status: 400 }
export class NotOfferedError extends Error { code: 'NOT_OFFERED'; member: string }
export function isExpectedError(err: unknown): boolean;
export function isForgePlatformError(err: unknown): boolean;
export function isHostedCodeError(err: unknown): boolean;

declare const api: {
  asApp: typeof asApp; asUser: typeof asUser; fetch: typeof fetch; requestJira: typeof requestJira; requestConfluence: typeof requestConfluence;
  requestBitbucket: typeof requestBitbucket; requestAtlassian: typeof requestAtlassian; requestGraph: typeof requestGraph;
  storage: typeof storage; store: any; webTrigger: typeof webTrigger; invokeRemote: typeof invokeRemote; invokeService: Later; requestRemote: typeof requestRemote;
};
export default api;
