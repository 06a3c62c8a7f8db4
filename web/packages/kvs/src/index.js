// @annex/kvs: the key-value store of one installation. Values are JSON; secrets live in
// a namespace of their own, sealed, and no query sees them.
import { kernel } from '@annex/runtime/kernel';
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

const parse = (body) => (body === undefined || body.length === 0 ? undefined : JSON.parse(kernel.decode(body)));

const refuse = (code, message) => new ForgeKvsAPIError(400, code, message);

function text(key, value) {
  const out = JSON.stringify(value);
  if (out === undefined) throw refuse('INVALID_VALUE', `the value of ${JSON.stringify(key)} has no JSON form (it is ${typeof value}); delete the key instead`);
  return out;
}

const metadata = {
  CREATED_AT: (out, at) => { out.createdAt = at.createdAt; },
  UPDATED_AT: (out, at) => { out.updatedAt = at.updatedAt; },
  EXPIRE_TIME: (out, at) => { if (at.expiresAt !== undefined) out.expireTime = new Date(at.expiresAt).toISOString(); },
};

// Adds the asked fields of `at`, which has the host's times, to an answer.
function withMetadata(out, at, fields) {
  for (const field of fields ?? []) metadata[field](out, at);
  return out;
}

function metadataFields(fields) {
  if (fields === undefined || fields === null) return undefined;
  if (!Array.isArray(fields) || !fields.every((field) => Object.hasOwn(metadata, field))) throw refuse('INVALID_METADATA_FIELD', 'metadata fields are a list of MetadataField.CREATED_AT, UPDATED_AT and EXPIRE_TIME');
  return fields;
}

async function read(method, target, options) {
  const fields = metadataFields(options?.metadataFields);
  const { head, body } = await ask(method, target);
  if (!head.found) return undefined;
  const value = parse(body);
  return fields === undefined ? value : withMetadata({ key: target.key, value }, head, fields);
}

async function write(method, target, value, options) {
  const head = { ...target, ...setOptions(options) };
  const fields = metadataFields(options?.returnMetadataFields);
  if (fields !== undefined && head.returnValue === undefined && head.keyPolicy !== 'FAIL_IF_EXISTS') head.returnValue = 'LATEST';
  const answer = await ask(method, head, text(target.key, value));
  if (head.returnValue === undefined) return undefined;
  const out = { key: target.key };
  if (head.returnValue === 'LATEST') out.value = JSON.parse(text(target.key, value));
  else if (answer.head.found) out.value = parse(answer.body);
  return answer.head.found ? withMetadata(out, answer.head, fields) : out;
}

function setOptions(options) {
  if (options === undefined || options === null) return undefined;
  const head = {};
  if (options.ttl !== undefined) {
    const unit = units[options.ttl?.unit];
    const value = options.ttl?.value;
    if (!unit) throw refuse('INVALID_TTL', 'ttl is {value, unit}, with a unit of SECONDS, MINUTES, HOURS or DAYS');
    if (!(value > 0)) throw refuse('INVALID_TTL', `ttl.value is ${String(value)}, and has to be a number above 0; without ttl a value stays`);
    head.ttlSeconds = Math.ceil(value * unit);
  }
  if (options.keyPolicy !== undefined) head.keyPolicy = options.keyPolicy;
  if (options.returnValue !== undefined) head.returnValue = options.returnValue;
  return head;
}

// Results as the host tells them, with the asked metadata only.
function results(page, fields) {
  if (fields === undefined) return page;
  page.results = page.results.map(({ key, value, ...at }) => withMetadata({ key, value }, at, fields));
  return page;
}

// Loops over pages begin with no cursor: null, undefined or an empty text.
const from = (cursor) => (cursor ? String(cursor) : undefined);

/** A query of the store: each step gives a new query. */
class Query {
  #head;
  #fields;
  constructor(head = {}, fields = undefined) {
    this.#head = head;
    this.#fields = fields;
  }

  /**
   * Only keys by a beginning: where('key', WhereConditions.beginsWith('…')).
   * @throws {ForgeKvsAPIError} QUERY_WHERE_INVALID for any other
   */
  where(field, condition) {
    if (field !== 'key' || condition?.condition !== 'BEGINS_WITH') {
      throw new ForgeKvsAPIError(400, 'QUERY_WHERE_INVALID', 'kvs.query().where takes only "key" and WhereConditions.beginsWith("…")');
    }
    return new Query({ ...this.#head, prefix: String(condition.value) }, this.#fields);
  }
  /** At most this many results: 10 unless said, 100 at most. */
  limit(limit) { return new Query({ ...this.#head, limit: Number(limit) }, this.#fields); }
  /** Where an earlier page's nextCursor left off, without one the beginning. Cursors do not last. */
  cursor(cursor) { return new Query({ ...this.#head, cursor: from(cursor) }, this.#fields); }
  /** @returns {Promise<{results: {key: string, value: unknown}[], nextCursor?: string}>} */
  async getMany() {
    const { body } = await ask('kvs.query', this.#fields ? { ...this.#head, times: true } : this.#head);
    return results(parse(body), this.#fields);
  }
  /** @returns {Promise<{key: string, value: unknown} | undefined>} */
  async getOne() { return (await this.limit(1).getMany()).results[0]; }
}

const conditions = (filter) => {
  if (filter === undefined || filter === null) return undefined;
  if (!(filter instanceof Filter)) throw refuse('INVALID_FILTER_VALUE', 'filters and conditions are a Filter: new Filter().and("…", FilterConditions.equalTo("…"))');
  return filter.filters();
};

/** A query of entities by an index: each step gives a new query. */
class EntityQuery {
  #query;
  #fields;
  constructor(query, fields) {
    this.#query = query;
    this.#fields = fields;
  }
  #with(part) { return new EntityQuery({ ...this.#query, ...part }, this.#fields); }

  /** The index to go by, with a value for each attribute of its partition; "by-key" unless said. */
  index(name, options) { return this.#with({ index: String(name), partition: options?.partition }); }
  /** A condition on the range of the index: WhereConditions.….*/
  where(condition) { return this.#with({ where: condition }); }
  /** What else results have to meet. A filtered page may be empty and have a nextCursor. */
  filters(filter) { return this.#with({ filters: conditions(filter) }); }
  /** Sort.ASC, the default, or Sort.DESC: by the range, then by the key. */
  sort(order) { return this.#with({ sort: String(order) }); }
  /** Where an earlier page's nextCursor left off, without one the beginning. Cursors do not last. */
  cursor(cursor) { return this.#with({ cursor: from(cursor) }); }
  /** At most this many results: 10 unless said, 100 at most. */
  limit(limit) { return this.#with({ limit: Number(limit) }); }
  /** @returns {Promise<{results: {key: string, value: object}[], nextCursor?: string}>} */
  async getMany() {
    const query = this.#fields ? { ...this.#query, times: true } : this.#query;
    const { body } = await ask('kvs.entity.query', {}, JSON.stringify(query));
    return results(parse(body), this.#fields);
  }
  /** @returns {Promise<{key: string, value: object} | undefined>} */
  async getOne() {
    for (let query = this.limit(1); ;) {
      const page = await query.getMany();
      if (page.results.length > 0 || page.nextCursor === undefined) return page.results[0];
      query = query.cursor(page.nextCursor);
    }
  }
}

/** Entities of a kind that the manifest declares under app.storage.entities. */
function entity(name) {
  const at = (key) => ({ entity: name, key });
  return {
    get: async (key, options) => read('kvs.entity.get', at(key), options),
    set: async (key, value, options) => write('kvs.entity.set', at(key), value, options),
    delete: async (key) => { await ask('kvs.entity.delete', at(key)); },
    query: (options) => new EntityQuery({ entity: name }, metadataFields(options?.metadataFields)),
  };
}

/** Up to 25 operations that all happen or none; each key once. */
class Transaction {
  #ops = [];
  #add(part, options) {
    this.#ops.push({ ...part, entityName: options?.entityName, conditions: conditions(options?.conditions) });
    return this;
  }
  /** Options: entityName, conditions (of the entity as it was before); then ttl, keyPolicy. */
  set(key, value, options, setting) {
    text(key, value); // one without JSON is refused where it is written
    return this.#add({ do: 'set', key, value, ...setOptions(setting ?? options) }, options);
  }
  delete(key, options) { return this.#add({ do: 'delete', key }, options); }
  /** The key has to be there and to meet the conditions, or nothing happens. */
  check(key, options) { return this.#add({ do: 'check', key }, options); }
  /** @throws {ForgeKvsAPIError} CONDITION_FAILED, KEY_CONFLICT and what set refuses */
  async execute() { await ask('kvs.transact', {}, JSON.stringify(this.#ops)); }
}

async function batch(method, items, form) {
  if (!Array.isArray(items)) throw refuse('INVALID_REQUEST', 'a batch is a list of {key, entityName?, …}');
  const { body } = await ask(method, {}, JSON.stringify(items.map(form)));
  return parse(body);
}

const named = ({ key, entityName }) => ({ key, entityName });

/**
 * The installation's store. Keys: 1 to 500 characters of letters, digits, `:._#-` and
 * blanks. Values: JSON up to 240 KiB. Errors are ForgeKvsAPIError with a `code` of
 * KEY_TOO_SHORT, KEY_TOO_LONG, INVALID_KEY, MAX_SIZE, MAX_DEPTH, LIST_QUERY_LIMIT_EXCEEDED,
 * RATE_LIMIT_EXCEEDED and the like.
 */
export const kvs = Object.freeze({
  /** The value of a key, undefined if there is none. */
  get: async (key, options) => read('kvs.get', { key }, options),
  /**
   * Stores a JSON value. Options: ttl {value, unit}, keyPolicy OVERRIDE | FAIL_IF_EXISTS,
   * returnValue PREVIOUS | LATEST and returnMetadataFields, which make it give
   * {key, value, createdAt, updatedAt, expireTime}.
   */
  set: async (key, value, options) => write('kvs.set', { key }, value, options),
  /** Deletes a key; one that is not there too. */
  delete: async (key) => { await ask('kvs.delete', { key }); },
  /** The value of a secret, undefined if there is none. */
  getSecret: async (key, options) => read('kvs.secret.get', { key }, options),
  /** Stores a secret: sealed, in a namespace of its own, unseen by queries. */
  setSecret: async (key, value, options) => write('kvs.secret.set', { key }, value, options),
  deleteSecret: async (key) => { await ask('kvs.secret.delete', { key }); },
  query: (options) => new Query({}, metadataFields(options?.metadataFields)),
  entity,
  transact: () => new Transaction(),
  /** Up to 25 keys; what is not there is among failedKeys with KEY_NOT_FOUND. */
  batchGet: async (items) => {
    const fields = items?.map?.((item) => metadataFields(item.options?.metadataFields));
    const out = await batch('kvs.batch.get', items, named);
    out.successfulKeys = out.successfulKeys.map(({ createdAt, updatedAt, expiresAt, ...rest }) => {
      const asked = items.findIndex((item) => item.key === rest.key && (item.entityName ?? undefined) === rest.entityName);
      return withMetadata(rest, { createdAt, updatedAt, expiresAt }, fields[asked]);
    });
    return out;
  },
  /** Up to 25 keys, each by itself: {successfulKeys, failedKeys: [{key, entityName, error}]}. */
  batchSet: async (items) => batch('kvs.batch.set', items, (item) => {
    text(item.key, item.value);
    return { ...named(item), value: item.value, ...setOptions(item.options) };
  }),
  batchDelete: async (items) => batch('kvs.batch.delete', items, named),
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

/** Conditions of entity filters. */
export const FilterConditions = Object.freeze({
  ...WhereConditions,
  contains: compare('CONTAINS'),
  notContains: compare('NOT_CONTAINS'),
  notEqualTo: compare('NOT_EQUAL_TO'),
  exists: compare('EXISTS'),
  notExists: compare('NOT_EXISTS'),
});

/** A filter of entities: all of its conditions, or any of them; the two do not mix. */
export class Filter {
  #parts = [];
  and(field, condition) { return this.#add('and', field, condition); }
  or(field, condition) { return this.#add('or', field, condition); }
  filters() { return [...this.#parts]; }
  #add(operator, field, condition) {
    this.#parts.push({ operator, field, ...condition });
    return this;
  }
}

export const Sort = Object.freeze({ ASC: 'ASC', DESC: 'DESC' });
export const MetadataField = Object.freeze({ CREATED_AT: 'CREATED_AT', UPDATED_AT: 'UPDATED_AT', EXPIRE_TIME: 'EXPIRE_TIME' });
export default kvs;
