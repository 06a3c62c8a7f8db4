// knex: queries built, without a connection
import assert from 'node:assert/strict';
import knex from 'knex';
export async function run() {
  const q = knex({ client: 'mysql2' })('users').where({ name: 'Alice' }).andWhere('id', '>', 3).select('id').toSQL();
  assert.equal(q.sql, 'select `id` from `users` where `name` = ? and `id` > ?');
}
