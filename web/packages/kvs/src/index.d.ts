export interface Condition { condition: string; value: any }
export interface SetOptions {
  /** At most a year; the value is gone for readers at once when it ends. */
  ttl?: { value: number; unit: 'SECONDS' | 'MINUTES' | 'HOURS' | 'DAYS' };
  /** FAIL_IF_EXISTS rejects if the key is there. OVERRIDE unless said. */
  keyPolicy?: 'OVERRIDE' | 'FAIL_IF_EXISTS';
  /** With OVERRIDE: the write gives the value before it, or after it. */
  returnValue?: 'PREVIOUS' | 'LATEST';
  returnMetadataFields?: MetadataField[];
}
export type MetadataField = 'CREATED_AT' | 'UPDATED_AT' | 'EXPIRE_TIME';
export interface GetOptions { metadataFields?: MetadataField[] }
export interface Result<T = any> { key: string; value: T; createdAt?: number; updatedAt?: number; expireTime?: string }
export interface EntityQuery<T = any> {
  /** by-key unless said. */
  index(name: string, options?: { partition: (string | number | boolean)[] }): EntityQuery<T>;
  /** On the range of the index. */
  where(condition: Condition): EntityQuery<T>;
  filters(filter: Filter<T>): EntityQuery<T>;
  sort(order: 'ASC' | 'DESC'): EntityQuery<T>;
  cursor(cursor?: string | null): EntityQuery<T>;
  limit(limit: number): EntityQuery<T>;
  /** A filtered page may be empty and have a nextCursor. */
  getMany(): Promise<{ results: Result<T>[]; nextCursor?: string }>;
  getOne(): Promise<Result<T> | undefined>;
}
export interface Entity<T = any> {
  get(key: string): Promise<T | undefined>;
  get(key: string, options: GetOptions): Promise<any>;
  set(key: string, value: T, options?: SetOptions): Promise<any>;
  delete(key: string): Promise<void>;
  query(options?: GetOptions): EntityQuery<T>;
}
export interface EntityOptions { entityName?: string; conditions?: Filter }
/** All happen or none: up to 25 operations, each key once. */
export interface Transaction {
  set(key: string, value: unknown, options?: EntityOptions & SetOptions, setOptions?: SetOptions): Transaction;
  delete(key: string, options?: EntityOptions): Transaction;
  check(key: string, options?: EntityOptions): Transaction;
  execute(): Promise<void>;
}
export interface BatchItem { key: string; entityName?: string }
export interface BatchResult<S = BatchItem> {
  successfulKeys: S[];
  failedKeys: (BatchItem & { error: { code: string; message: string } })[];
}
export interface Query<T = any> {
  /** Only by beginnings of keys. @throws ForgeKvsAPIError QUERY_WHERE_INVALID */
  where(field: 'key', condition: Condition): Query<T>;
  /** 10 unless said, 100 at most. */
  limit(limit: number): Query<T>;
  cursor(cursor?: string | null): Query<T>;
  getMany<V = T>(): Promise<{ results: Result<V>[]; nextCursor?: string }>;
  getOne<V = T>(): Promise<Result<V> | undefined>;
}
/**
 * The installation's store. Keys: 1 to 500 characters of letters, digits, `:._#-` and
 * blanks; values: JSON up to 240 KiB. Members reject with ForgeKvsAPIError.
 */
export interface KVS {
  get<T = any>(key: string): Promise<T | undefined>;
  get(key: string, options: GetOptions): Promise<any>;
  set(key: string, value: unknown, options?: SetOptions): Promise<any>;
  delete(key: string): Promise<void>;
  getSecret<T = any>(key: string, options?: GetOptions): Promise<T | undefined>;
  setSecret(key: string, value: unknown, options?: SetOptions): Promise<void>;
  deleteSecret(key: string): Promise<void>;
  query<T = any>(options?: GetOptions): Query<T>;
  /** Entities of a kind that the manifest declares under app.storage.entities. */
  entity<T = any>(name: string): Entity<T>;
  transact(): Transaction;
  /** Up to 25 keys; what is not there fails with KEY_NOT_FOUND. */
  batchGet(items: (BatchItem & { options?: GetOptions })[]): Promise<BatchResult<BatchItem & Result>>;
  batchSet(items: (BatchItem & { value: unknown; options?: SetOptions })[]): Promise<BatchResult>;
  batchDelete(items: BatchItem[]): Promise<BatchResult>;
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
