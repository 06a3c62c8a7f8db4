export { AuthProfile } from '@annex/api';
export interface WebTriggerResponse { statusCode: number; headers: Record<string, string | string[]>; body?: string }
/** An answer with a JSON body. */
export function json(value: unknown, statusCode?: number, headers?: Record<string, string | string[]>): WebTriggerResponse;
/** An answer with a text body. */
export function text(body: string, statusCode?: number, headers?: Record<string, string | string[]>): WebTriggerResponse;
/** An answer without a body. */
export function status(statusCode: number): WebTriggerResponse;
declare const response: { json: typeof json; text: typeof text; status: typeof status };
export default response;
