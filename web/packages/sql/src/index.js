// @annex/sql: SQL storage. Not offered: statements can be written, running them rejects.
import { notOffered } from '@annex/runtime/faults';

function statement(name) {
  const self = {
    bindParams: () => self,
    execute: notOffered(`${name}().execute`),
  };
  return self;
}

export const sql = Object.freeze({
  prepare: () => statement('sql.prepare'),
  executeRaw: notOffered('sql.executeRaw'),
  executeDDL: notOffered('sql.executeDDL'),
  _provision: notOffered('sql._provision'),
});

class MigrationRunner {
  constructor() {
    this.run = notOffered('migrationRunner.run');
    this.list = notOffered('migrationRunner.list');
  }
  enqueue() { return this; }
  getEnqueued() { return []; }
}
export const migrationRunner = new MigrationRunner();
export { MigrationRunner };
export const errorCodes = Object.freeze({});
export class ForgeSQLError extends Error {}
export class ForgeSQLAPIError extends ForgeSQLError {}
export default sql;
