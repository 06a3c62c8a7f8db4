// @annex/response: what functions return, as values.
export { AuthProfile } from '@annex/api';

/** An answer with a JSON body. @param {number} [statusCode] */
export function json(value, statusCode = 200, headers = {}) {
  return { statusCode, headers: { 'Content-Type': ['application/json'], ...headers }, body: JSON.stringify(value) };
}
/** An answer with a text body. @param {number} [statusCode] */
export function text(body, statusCode = 200, headers = {}) {
  return { statusCode, headers: { 'Content-Type': ['text/plain; charset=utf-8'], ...headers }, body };
}
/** An answer without a body. */
export function status(statusCode) { return { statusCode, headers: {} }; }
export default { json, text, status };
