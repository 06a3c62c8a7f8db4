// node:buffer, from the npm package of that name, with text conversions that matter for
// speed handed to the host.
import buffer from 'buffer/index.js';
import { Blob, File } from '../web/blob.js';
import { kernel } from '@annex/runtime/kernel';

export const { Buffer, SlowBuffer, INSPECT_MAX_BYTES, kMaxLength } = buffer;
export { Blob, File };

const isUTF8 = (encoding) => encoding === undefined || encoding === 'utf8' || encoding === 'utf-8';
const { toString, write } = Buffer.prototype;
const from = Buffer.from;
const byteLength = Buffer.byteLength;

Buffer.prototype.toString = function (encoding, start, end) {
  if (isUTF8(encoding)) return kernel.native('utf8dec', start === undefined && end === undefined ? this : this.subarray(start ?? 0, end), false);
  if (encoding === 'base64' && start === undefined) return this.toBase64();
  if (encoding === 'hex' && start === undefined) return this.toHex();
  if (encoding === 'base64url') return this.subarray(start ?? 0, end).toBase64({ alphabet: 'base64url', omitPadding: true });
  return toString.call(this, encoding, start, end);
};

const own = (bytes) => Object.setPrototypeOf(bytes, Buffer.prototype);
const unsafe = (value) => value.replace(/-/g, '+').replace(/_/g, '/');

Buffer.from = function (value, encoding, length) {
  if (typeof value === 'string') {
    if (isUTF8(encoding)) return own(kernel.native('utf8enc', value.toWellFormed()));
    if (encoding === 'base64url') return from.call(Buffer, unsafe(value), 'base64');
  }
  return from.call(Buffer, value, encoding, length);
};
Buffer.byteLength = function (value, encoding) {
  if (typeof value === 'string' && encoding === 'base64url') return byteLength(unsafe(value), 'base64');
  return byteLength(value, encoding);
};
Buffer.prototype.write = function (text, ...rest) {
  const at = rest.indexOf('base64url');
  if (at < 0) return write.call(this, text, ...rest);
  return write.call(this, unsafe(text), ...rest.with(at, 'base64'));
};
Buffer.isEncoding = ((known) => function (encoding) { return encoding === 'base64url' || known(encoding); })(Buffer.isEncoding);
if (!Buffer.prototype.toBase64) {
  // Engines without the base64 methods of Uint8Array (the unit tests' Node.js).
  Buffer.prototype.toBase64 = function (options) {
    const text = toString.call(this, 'base64');
    return options?.alphabet === 'base64url' ? text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '') : text;
  };
  Buffer.prototype.toHex = function () { return toString.call(this, 'hex'); };
}
for (const width of ['BigInt64', 'BigUInt64', 'UInt8', 'UInt16', 'UInt32', 'UInt']) {
  for (const end of ['', 'LE', 'BE']) {
    for (const way of ['read', 'write']) {
      const fn = Buffer.prototype[`${way}${width}${end}`];
      if (fn) Buffer.prototype[`${way}${width.replace('UInt', 'Uint')}${end}`] ??= fn;
    }
  }
}

export const constants = Object.freeze({ MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 });
export const kStringMaxLength = constants.MAX_STRING_LENGTH;
export const atob = (text) => globalThis.atob(text);
export const btoa = (text) => globalThis.btoa(text);
export const isUtf8 = (bytes) => {
  try {
    kernel.native('utf8dec', new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength), true);
    return true;
  } catch {
    return false;
  }
};
export const isAscii = (bytes) => bytes.every((b) => b < 128);

export default {
  Buffer, SlowBuffer, INSPECT_MAX_BYTES, kMaxLength, kStringMaxLength, constants, Blob, File, atob, btoa, isUtf8, isAscii,
};
