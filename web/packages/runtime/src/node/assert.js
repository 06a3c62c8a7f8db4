// node:assert, from the npm package of that name.
import '../web/early.js';
import assert from 'assert/build/assert.js';

export const {
  AssertionError, deepEqual, deepStrictEqual, doesNotMatch, doesNotReject, doesNotThrow, equal, fail, ifError, match, notDeepEqual,
  notDeepStrictEqual, notEqual, notStrictEqual, ok, rejects, strict, strictEqual, throws,
} = assert;
export default assert;
