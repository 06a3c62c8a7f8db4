// @annex/kvs: the key-value store of one installation. Values are JSON; secrets live in
// a namespace of their own, sealed, and no query sees them.
import { kernel } from '@annex/runtime/kernel';
import { NotOfferedError, notOffered } from '@annex/runtime/faults';
import { ForgeKvsAPIError, ForgeKvsError, storageError } from './errors.js';

export { ForgeKvsAPIError, ForgeKvsError };

const units = { SECONDS: 1, MINUTES: 60, HOURS: 3600, DAYS: 86400 };

async function ask(method, head, value) {
  const body = value === undefined ? undefined : kernel.native('utf8enc', value);
  try {
    return await kernel.call(method, head, body);
  } catch (err) {
    throw storageError(err);
  }
}

const parse = (body) => (body === undefined || body.length === 0 ? undefined : JSON.parse(kernel.native('utf8dec', body, false)));

async function read(method, key) {
  const { head, body } = await ask(method, { key });
  return head.found ? parse(body) : undefined;
}

async function write(method, key, value, options) {
  const text = JSON.stringify(value);
  if (text === undefined) throw new ForgeKvsAPIError(400, 'INVALID_VALUE', `the value of ${JSON.stringify(key)} has no JSON form (it is ${typeof value}); delete the key instead`);
  await ask(method, { key, ...options }, text);
}

function setOptions(options) {
  if (options === undefined || options === null) return undefined;
  const head = {};
  if (options.ttl !== undefined) {
    const unit = units[options.ttl?.unit];
    const value = options.ttl?.value;
    if (!unit) throw new ForgeKvsAPIError(400, 'INVALID_TTL', 'ttl is {value, unit}, with a unit of SECONDS, MINUTES, HOURS or DAYS');
    if (!(value > 0)) throw new ForgeKvsAPIError(400, 'INVALID_TTL', `ttl.value is ${String(value)}, and has to be a number above 0; without ttl a value stays`);
    head.ttlSeconds = Math.ceil(value * unit);
  }
  if (options.keyPolicy !== undefined) head.keyPolicy = options.keyPolicy;
  if (options.returnValue !== undefined) throw new NotOfferedError('kvs.set with returnValue');
  if (options.returnMetadataFields !== undefined) throw new NotOfferedError('kvs.set with returnMetadataFields');
  return head;
}

/** A query of the store: each step gives a new query. */
class Query {
  #head;
  constructor(head = {}) { this.#head = head; }

  /**
   * Only keys by a beginning: where('key', WhereConditions.beginsWith('…')).
   * @throws {ForgeKvsAPIError} QUERY_WHERE_INVALID for any other
   */
  where(field, condition) {
    if (field !== 'key' || condition?.condition !== 'BEGINS_WITH') {
      throw new ForgeKvsAPIError(400, 'QUERY_WHERE_INVALID', 'kvs.query().where takes only "key" and WhereConditions.beginsWith("…")');
    }
    return new Query({ ...this.#head, prefix: String(condition.value) });
  }
  /** At most this many results: 10 unless said, 100 at most. */
  limit(limit) { return new Query({ ...this.#head, limit: Number(limit) }); }
  /** Where an earlier page's nextCursor left off. Cursors do not last. */
  cursor(cursor) { return new Query({ ...this.#head, cursor: String(cursor) }); }
  /** @returns {Promise<{results: {key: string, value: unknown}[], nextCursor?: string}>} */
  async getMany() {
    const { body } = await ask('kvs.query', this.#head);
    return parse(body);
  }
  /** @returns {Promise<{key: string, value: unknown} | undefined>} */
  async getOne() { return (await this.limit(1).getMany()).results[0]; }
}

// Chains of an API that is not built can be written; what would run them rejects.
function chain(name, steps, ends) {
  const self = {};
  for (const step of steps) self[step] = () => self;
  for (const end of ends) self[end] = notOffered(`${name}.${end}`);
  return self;
}

function entity(name) {
  const at = `kvs.entity(${JSON.stringify(name)})`;
  return {
    get: notOffered(`${at}.get`),
    set: notOffered(`${at}.set`),
    delete: notOffered(`${at}.delete`),
    query: () => chain(`${at}.query()`, ['index', 'where', 'filters', 'filter', 'andFilter', 'orFilter', 'sort', 'cursor', 'limit'], ['getMany', 'getOne']),
  };
}

/**
 * The installation's store. Keys: 1 to 500 characters of letters, digits, `:._#-` and
 * blanks. Values: JSON up to 240 KiB. Errors are ForgeKvsAPIError with a `code` of
 * KEY_TOO_SHORT, KEY_TOO_LONG, INVALID_KEY, MAX_SIZE, MAX_DEPTH, LIST_QUERY_LIMIT_EXCEEDED,
 * RATE_LIMIT_EXCEEDED and the like.
 */
export const kvs = Object.freeze({
  /** The value of a key, undefined if there is none. */
  get: async (key) => read('kvs.get', key),
  /** Stores a JSON value. Options: ttl {value, unit}, keyPolicy OVERRIDE | FAIL_IF_EXISTS. */
  set: async (key, value, options) => write('kvs.set', key, value, setOptions(options)),
  /** Deletes a key; one that is not there too. */
  delete: async (key) => { await ask('kvs.delete', { key }); },
  /** The value of a secret, undefined if there is none. */
  getSecret: async (key) => read('kvs.secret.get', key),
  /** Stores a secret: sealed, in a namespace of its own, unseen by queries. */
  setSecret: async (key, value) => write('kvs.secret.set', key, value),
  deleteSecret: async (key) => { await ask('kvs.secret.delete', { key }); },
  query: () => new Query(),
  entity,
  transact: () => chain('kvs.transact()', ['set', 'delete', 'check'], ['execute']),
  batchGet: notOffered('kvs.batchGet'),
  batchSet: notOffered('kvs.batchSet'),
  batchDelete: notOffered('kvs.batchDelete'),
});

const compare = (condition) => (...values) => ({ condition, value: values.length === 1 ? values[0] : values });

/** Conditions of queries. Queries by key know beginsWith only. */
export const WhereConditions = Object.freeze({
  beginsWith: compare('BEGINS_WITH'),
  between: compare('BETWEEN'),
  equalTo: compare('EQUAL_TO'),
  greaterThan: compare('GREATER_THAN'),
  greaterThanEqualTo: compare('GREATER_THAN_EQUAL_TO'),
  lessThan: compare('LESS_THAN'),
  lessThanEqualTo: compare('LESS_THAN_EQUAL_TO'),
});

/** Conditions of entity filters (which are not offered). */
export const FilterConditions = Object.freeze({
  ...WhereConditions,
  contains: compare('CONTAINS'),
  notContains: compare('NOT_CONTAINS'),
  notEqualTo: compare('NOT_EQUAL_TO'),
  exists: compare('EXISTS'),
  notExists: compare('NOT_EXISTS'),
});

/** A filter of entity queries (which are not offered): it can be written. */
export class Filter {
  #parts = [];
  and(field, condition) { return this.#add('and', field, condition); }
  or(field, condition) { return this.#add('or', field, condition); }
  filters() { return this.#parts; }
  #add(operator, field, condition) {
    this.#parts.push({ operator, field, ...condition });
    return this;
  }
}

export const Sort = Object.freeze({ ASC: 'ASC', DESC: 'DESC' });
export const MetadataField = Object.freeze({ CREATED_AT: 'CREATED_AT', UPDATED_AT: 'UPDATED_AT', EXPIRE_TIME: 'EXPIRE_TIME' });
export default kvs;
