// The old storage API: the key-value store of the installation under other names.
import { notOfferedGroup } from '@annex/runtime/faults';
import kvs, { Filter, WhereConditions as KVSWhere } from '@annex/kvs';

/**
 * @typedef {{ field: 'key', condition: string, value: unknown }} Where
 */

// A query of the old API: each step gives a new query, as apps share their beginnings.
class Query {
  #where;
  #limit;
  #cursor;
  constructor(where, limit, cursor) {
    this.#where = where;
    this.#limit = limit;
    this.#cursor = cursor;
  }

  /** Only keys by a beginning: where('key', startsWith('…')). */
  where(field, condition) {
    if (field !== 'key' || condition?.condition !== 'BEGINS_WITH') {
      const err = new TypeError('storage.query().where takes only "key" and startsWith("…")');
      err.code = 'QUERY_WHERE_INVALID';
      throw err;
    }
    return new Query(condition, this.#limit, this.#cursor);
  }
  /** At most this many results; 10 unless said, 100 at most. */
  limit(limit) { return new Query(this.#where, limit, this.#cursor); }
  /** Where an earlier page's nextCursor left off. */
  cursor(cursor) { return new Query(this.#where, this.#limit, cursor); }
  /** @returns {Promise<{results: {key: string, value: unknown}[], nextCursor?: string}>} */
  async getMany() {
    let query = kvs.query();
    if (this.#where) query = query.where('key', this.#where);
    if (this.#limit !== undefined) query = query.limit(this.#limit);
    query = query.cursor(this.#cursor);
    return query.getMany();
  }
  /** @returns {Promise<{key: string, value: unknown} | undefined>} */
  async getOne() {
    const { results } = await this.limit(1).getMany();
    return results[0];
  }
}

// A query of entities with the filters of the old API: andFilter or orFilter, not both.
class EntityQuery {
  #query;
  #parts;
  constructor(query, parts = []) {
    this.#query = query;
    this.#parts = parts;
  }
  #with(query) { return new EntityQuery(query, this.#parts); }
  #filter(operator, field, condition) { return new EntityQuery(this.#query, [...this.#parts, { operator, field, condition }]); }

  /** The index to go by, with a value for each attribute of its partition; "by-key" unless said. */
  index(name, options) { return this.#with(this.#query.index(name, options)); }
  /** A condition on the range of the index. */
  where(condition) { return this.#with(this.#query.where(condition)); }
  andFilter(field, condition) { return this.#filter('and', field, condition); }
  orFilter(field, condition) { return this.#filter('or', field, condition); }
  sort(order) { return this.#with(this.#query.sort(order)); }
  cursor(cursor) { return this.#with(this.#query.cursor(cursor)); }
  limit(limit) { return this.#with(this.#query.limit(limit)); }
  #ready() {
    if (this.#parts.length === 0) return this.#query;
    const filter = new Filter();
    for (const { operator, field, condition } of this.#parts) filter[operator](field, condition);
    return this.#query.filters(filter);
  }
  /** @returns {Promise<{results: {key: string, value: object}[], nextCursor?: string}>} */
  async getMany() { return this.#ready().getMany(); }
  /** @returns {Promise<{key: string, value: object} | undefined>} */
  async getOne() { return this.#ready().getOne(); }
}

function entity(name) {
  const { get, set, delete: remove, query } = kvs.entity(name);
  return { get, set: async (key, value, options) => { await set(key, value, options); }, delete: remove, query: () => new EntityQuery(query()) };
}

/** The installation's key-value store. See @annex/kvs for limits and errors. */
export const storage = Object.freeze({
  get: (key) => kvs.get(key),
  set: async (key, value, options) => { await kvs.set(key, value, options); },
  delete: (key) => kvs.delete(key),
  getSecret: (key) => kvs.getSecret(key),
  setSecret: (key, value) => kvs.setSecret(key, value),
  deleteSecret: (key) => kvs.deleteSecret(key),
  query: () => new Query(),
  entity,
  transact: () => kvs.transact(),
  batchGet: kvs.batchGet,
  batchSet: kvs.batchSet,
  batchDelete: kvs.batchDelete,
});

/** The condition of storage.query().where('key', …). */
export function startsWith(value) { return KVSWhere.beginsWith(value); }

const compare = (condition) => (...values) => ({ condition, value: values.length === 1 ? values[0] : values });

/** Conditions of entity queries. */
export const WhereConditions = Object.freeze({
  beginsWith: KVSWhere.beginsWith,
  between: compare('BETWEEN'),
  equalsTo: compare('EQUAL_TO'),
  isGreaterThan: compare('GREATER_THAN'),
  isGreaterThanEqualTo: compare('GREATER_THAN_EQUAL_TO'),
  isLessThan: compare('LESS_THAN'),
  isLessThanEqualTo: compare('LESS_THAN_EQUAL_TO'),
});

/** Conditions of entity filters. */
export const FilterConditions = Object.freeze({
  ...WhereConditions,
  contains: compare('CONTAINS'),
  doesNotContain: compare('NOT_CONTAINS'),
  doesNotEqualTo: compare('NOT_EQUAL_TO'),
  exists: compare('EXISTS'),
  doesNotExist: compare('NOT_EXISTS'),
});

/** Orders of entity queries. */
export const SortOrder = Object.freeze({ ASC: 'ASC', DESC: 'DESC' });

export { Filter } from '@annex/kvs';
export const QueryBuilder = Query;
export const store = notOfferedGroup('store');
