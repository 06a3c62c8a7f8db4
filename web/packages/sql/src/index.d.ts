/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
export class ForgeSQLError extends Error {}
export class ForgeSQLAPIError extends ForgeSQLError {}
/** A statement can be written; running it rejects. */
export interface Statement { bindParams(...values: unknown[]): Statement; execute: NotOffered }
export class MigrationRunner {
  enqueue(name: string, statement: string): this;
  getEnqueued(): unknown[];
  run: NotOffered;
  list: NotOffered;
}
export const errorCodes: Readonly<Record<string, string>>;
export const migrationRunner: MigrationRunner;
export const sql: { prepare(statement: string): Statement; executeRaw: NotOffered; executeDDL: NotOffered; _provision: NotOffered };
declare const all: typeof sql;
export default all;
