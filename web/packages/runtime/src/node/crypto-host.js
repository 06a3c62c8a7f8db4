// The host's cryptography as node:crypto throws: plain Errors with a code, where
// crypto.subtle has a DOMException of some name.
import * as keys from '../web/keys.js';

const names = new Set(['DataError', 'OperationError', 'NotSupportedError', 'InvalidAccessError']);

const plain = (fn) => (...args) => {
  try {
    return fn(...args);
  } catch (err) {
    if (names.has(err?.name)) delete err.name; // it is an own property
    throw err;
  }
};

export const run = plain(keys.run);
export const newKey = plain(keys.newKey);
export const publicHalf = plain(keys.publicHalf);
export const readJWK = plain(keys.readJWK);
export const readKey = plain(keys.readKey);
export const writeJWK = plain(keys.writeJWK);
export const writeKey = plain(keys.writeKey);
