// The old storage API: the key-value store of the installation under other names.
import { notOfferedGroup } from '@annex/runtime/faults';
import kvs, { WhereConditions as KVSWhere } from '@annex/kvs';

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
    if (this.#cursor !== undefined) query = query.cursor(this.#cursor);
    return query.getMany();
  }
  /** @returns {Promise<{key: string, value: unknown} | undefined>} */
  async getOne() {
    const { results } = await this.limit(1).getMany();
    return results[0];
  }
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
  entity: (name) => kvs.entity(name),
  transact: () => kvs.transact(),
  batchGet: kvs.batchGet,
  batchSet: kvs.batchSet,
  batchDelete: kvs.batchDelete,
});

/** The condition of storage.query().where('key', …). */
export function startsWith(value) { return KVSWhere.beginsWith(value); }

const compare = (condition) => (...values) => ({ condition, value: values.length === 1 ? values[0] : values });

/** Conditions of entity queries (which are not offered). */
export const WhereConditions = Object.freeze({
  beginsWith: KVSWhere.beginsWith,
  between: compare('BETWEEN'),
  equalsTo: compare('EQUAL_TO'),
  isGreaterThan: compare('GREATER_THAN'),
  isGreaterThanEqualTo: compare('GREATER_THAN_EQUAL_TO'),
  isLessThan: compare('LESS_THAN'),
  isLessThanEqualTo: compare('LESS_THAN_EQUAL_TO'),
});

/** Conditions of entity filters (which are not offered). */
export const FilterConditions = Object.freeze({
  ...WhereConditions,
  contains: compare('CONTAINS'),
  doesNotContain: compare('NOT_CONTAINS'),
  doesNotEqualTo: compare('NOT_EQUAL_TO'),
  exists: compare('EXISTS'),
  doesNotExist: compare('NOT_EXISTS'),
});

/** Orders of entity queries (which are not offered). */
export const SortOrder = Object.freeze({ ASC: 'ASC', DESC: 'DESC' });

export { Filter } from '@annex/kvs';
export const QueryBuilder = Query;
export const store = notOfferedGroup('store');
