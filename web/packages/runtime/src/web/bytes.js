// Conversions between the kinds of binary values that web APIs take.
import { kernel } from '@annex/runtime/kernel';

/**
 * A view of the bytes of an ArrayBuffer or of any view, without a copy.
 * @throws {TypeError} for anything else
 * @returns {Uint8Array}
 */
export function bytesOf(value, what) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (isBuffer(value)) return new Uint8Array(value);
  throw new TypeError(`${what}: an ArrayBuffer or a view of one is needed`);
}

export function isBuffer(value) {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

export const utf8 = (text) => kernel.native('utf8enc', text);
/** The bytes of what an answer holds: bytes, or the ASCII text that they are. */
export const bytesIn = (held) => (typeof held === 'string' ? utf8(held) : held);
/** UTF-8 as text; a byte order mark is a character of it. */
export const decoded = kernel.decode;
/** UTF-8 as text, without its byte order mark. */
export const text = (bytes) => {
  const all = decoded(bytes);
  return all.charCodeAt(0) === 0xfeff ? all.slice(1) : all;
};

/** @param {Uint8Array[]} parts */
export function concat(parts) {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
