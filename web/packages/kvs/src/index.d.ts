export interface Condition { condition: string; value: any }
export interface SetOptions {
  /** At most a year; the value is gone for readers at once when it ends. */
  ttl?: { value: number; unit: 'SECONDS' | 'MINUTES' | 'HOURS' | 'DAYS' };
  /** FAIL_IF_EXISTS rejects if the key is there. OVERRIDE unless said. */
  keyPolicy?: 'OVERRIDE' | 'FAIL_IF_EXISTS';
}
export interface Result<T = any> { key: string; value: T }
export interface Query<T = any> {
  /** Only by beginnings of keys. @throws ForgeKvsAPIError QUERY_WHERE_INVALID */
  where(field: 'key', condition: Condition): Query<T>;
  /** 10 unless said, 100 at most. */
  limit(limit: number): Query<T>;
  cursor(cursor: string): Query<T>;
  getMany<V = T>(): Promise<{ results: Result<V>[]; nextCursor?: string }>;
  getOne<V = T>(): Promise<Result<V> | undefined>;
}
/**
 * The installation's store. Keys: 1 to 500 characters of letters, digits, `:._#-` and
 * blanks; values: JSON up to 240 KiB. Members reject with ForgeKvsAPIError.
 */
export interface KVS {
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
  batchGet(items: unknown[]): Promise<any>;
  /** Not offered. */
  batchSet(items: unknown[]): Promise<any>;
  /** Not offered. */
  batchDelete(items: unknown[]): Promise<any>;
}
export const kvs: KVS;
export default kvs;
export const WhereConditions: Record<'beginsWith' | 'between' | 'equalTo' | 'greaterThan' | 'greaterThanEqualTo' | 'lessThan' | 'lessThanEqualTo', (...values: any[]) => Condition>;
export const FilterConditions: typeof WhereConditions & Record<'contains' | 'notContains' | 'notEqualTo' | 'exists' | 'notExists', (...values: any[]) => Condition>;
export class Filter<T = any> {
  and(field: string, condition: Condition): this;
  or(field: string, condition: Condition): this;
  filters(): unknown[];
}
export const Sort: { readonly ASC: 'ASC'; readonly DESC: 'DESC' };
export const MetadataField: { readonly CREATED_AT: 'CREATED_AT'; readonly UPDATED_AT: 'UPDATED_AT'; readonly EXPIRE_TIME: 'EXPIRE_TIME' };
export class ForgeKvsError extends Error {}
export class ForgeKvsAPIError extends ForgeKvsError {
  constructor(status: number, code: string, message: string, context?: unknown);
  status: number;
  code: string;
  context?: unknown;
  readonly responseDetails: { status: number; statusText: string };
}
