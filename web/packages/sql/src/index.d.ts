// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export class ForgeSQLAPIError extends Error {}
export class ForgeSQLError extends Error {}
export class MigrationRunner { [member: string]: any }
export const errorCodes: any;
export const migrationRunner: any;
export const sql: any;
declare const all: any;
export default all;
