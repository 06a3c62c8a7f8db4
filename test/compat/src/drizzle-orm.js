// drizzle-orm: queries built for MySQL and run by a driver of the app's (mysql-proxy)
import assert from 'node:assert/strict';
import { and, eq, gt, sql } from 'drizzle-orm';
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql-proxy';
export async function run() {
  const users = mysqlTable('users', { id: int('id').primaryKey(), name: varchar('name', { length: 20 }) });
  const asked = [];
  const db = drizzle(async (text, params) => { asked.push([text, params]); return { rows: [[1, 'Alice']] }; });
  assert.deepEqual(await db.select().from(users).where(and(eq(users.name, 'Alice'), gt(users.id, 0))), [{ id: 1, name: 'Alice' }]);
  assert.deepEqual(asked[0], ['select `id`, `name` from `users` where (`users`.`name` = ? and `users`.`id` > ?)', ['Alice', 0]]);
  assert.ok(sql`now()`);
}
