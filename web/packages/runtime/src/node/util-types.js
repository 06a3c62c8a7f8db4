import { types } from './util.js';

export const {
  isAnyArrayBuffer, isArrayBuffer, isArrayBufferView, isAsyncFunction, isBigInt64Array, isBigUint64Array, isBooleanObject, isDataView, isDate,
  isFloat32Array, isFloat64Array, isGeneratorFunction, isGeneratorObject, isInt16Array, isInt32Array, isInt8Array, isMap, isNativeError,
  isNumberObject, isPromise, isProxy, isRegExp, isSet, isSharedArrayBuffer, isStringObject, isSymbolObject, isTypedArray, isUint16Array,
  isUint32Array, isUint8Array, isUint8ClampedArray, isWeakMap, isWeakSet, isBoxedPrimitive,
} = types;
export default types;
