// node:zlib over the host's natives. Streams gather their input and answer at the end;
// 64 MB is the most that anything inflates to.
import { kernel } from '@annex/runtime/kernel';
import { concat } from '../web/bytes.js';
import { Buffer } from './buffer.js';
import { Transform } from './stream.js';

const bytes = (data) => (typeof data === 'string' ? Buffer.from(data) : ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data));

function convert(op, kind, data) {
  data = bytes(data);
  if (kind === 'unzip') kind = data[0] === 0x1f && data[1] === 0x8b ? 'gzip' : 'deflate';
  let made;
  try {
    made = kernel.native(op, kind, data);
  } catch (err) {
    throw op === 'inflate' && err.name !== 'RangeError' ? Object.assign(new Error('incorrect header check', { cause: err }), { code: 'Z_DATA_ERROR', errno: -3 }) : err;
  }
  return Buffer.from(made.buffer, made.byteOffset, made.byteLength);
}

class Zlib extends Transform {
  #parts = [];
  #op;
  #kind;
  constructor(op, kind, options) {
    super({ highWaterMark: options?.highWaterMark });
    this.#op = op;
    this.#kind = kind;
  }
  _transform(chunk, _, done) {
    this.#parts.push(bytes(chunk));
    done();
  }
  _flush(done) {
    let made;
    try {
      made = convert(this.#op, this.#kind, concat([new Uint8Array(0), ...this.#parts]));
    } catch (err) {
      done(err);
      return;
    }
    this.push(made);
    done();
  }
  close(done) {
    this.destroy();
    if (done) queueMicrotask(done);
  }
}

const sync = (op, kind) => (data) => convert(op, kind, data);
const later = (op, kind) => (data, options, done = options) => {
  queueMicrotask(() => {
    let made;
    try {
      made = convert(op, kind, data);
    } catch (err) {
      done(err);
      return;
    }
    done(null, made);
  });
};
const stream = (name, op, kind) => ({ [name]: class extends Zlib { constructor(options) { super(op, kind, options); } } })[name];

export const Gzip = stream('Gzip', 'deflate', 'gzip');
export const Gunzip = stream('Gunzip', 'inflate', 'gzip');
export const Deflate = stream('Deflate', 'deflate', 'deflate');
export const Inflate = stream('Inflate', 'inflate', 'deflate');
export const DeflateRaw = stream('DeflateRaw', 'deflate', 'deflate-raw');
export const InflateRaw = stream('InflateRaw', 'inflate', 'deflate-raw');
export const Unzip = stream('Unzip', 'inflate', 'unzip');
export const BrotliCompress = stream('BrotliCompress', 'deflate', 'br');
export const BrotliDecompress = stream('BrotliDecompress', 'inflate', 'br');

export const createGzip = (o) => new Gzip(o);
export const createGunzip = (o) => new Gunzip(o);
export const createDeflate = (o) => new Deflate(o);
export const createInflate = (o) => new Inflate(o);
export const createDeflateRaw = (o) => new DeflateRaw(o);
export const createInflateRaw = (o) => new InflateRaw(o);
export const createUnzip = (o) => new Unzip(o);
export const createBrotliCompress = (o) => new BrotliCompress(o);
export const createBrotliDecompress = (o) => new BrotliDecompress(o);

export const gzipSync = sync('deflate', 'gzip');
export const gunzipSync = sync('inflate', 'gzip');
export const deflateSync = sync('deflate', 'deflate');
export const inflateSync = sync('inflate', 'deflate');
export const deflateRawSync = sync('deflate', 'deflate-raw');
export const inflateRawSync = sync('inflate', 'deflate-raw');
export const unzipSync = sync('inflate', 'unzip');
export const brotliCompressSync = sync('deflate', 'br');
export const brotliDecompressSync = sync('inflate', 'br');
export const gzip = later('deflate', 'gzip');
export const gunzip = later('inflate', 'gzip');
export const deflate = later('deflate', 'deflate');
export const inflate = later('inflate', 'deflate');
export const deflateRaw = later('deflate', 'deflate-raw');
export const inflateRaw = later('inflate', 'deflate-raw');
export const unzip = later('inflate', 'unzip');
export const brotliCompress = later('deflate', 'br');
export const brotliDecompress = later('inflate', 'br');

let table;
/** The CRC-32 of a value, continuing from an earlier one. */
export function crc32(data, value = 0) {
  table ??= Int32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  let crc = ~value;
  for (const b of bytes(data)) crc = (crc >>> 8) ^ table[(crc ^ b) & 0xff];
  return ~crc >>> 0;
}

export const constants = Object.freeze({
  Z_NO_FLUSH: 0, Z_PARTIAL_FLUSH: 1, Z_SYNC_FLUSH: 2, Z_FULL_FLUSH: 3, Z_FINISH: 4, Z_BLOCK: 5, Z_OK: 0, Z_STREAM_END: 1, Z_NEED_DICT: 2,
  Z_ERRNO: -1, Z_STREAM_ERROR: -2, Z_DATA_ERROR: -3, Z_MEM_ERROR: -4, Z_BUF_ERROR: -5, Z_NO_COMPRESSION: 0, Z_BEST_SPEED: 1, Z_BEST_COMPRESSION: 9,
  Z_DEFAULT_COMPRESSION: -1, Z_DEFAULT_STRATEGY: 0, Z_MIN_WINDOWBITS: 8, Z_MAX_WINDOWBITS: 15, Z_DEFAULT_WINDOWBITS: 15,
  BROTLI_OPERATION_PROCESS: 0, BROTLI_OPERATION_FLUSH: 1, BROTLI_OPERATION_FINISH: 2, BROTLI_PARAM_QUALITY: 1,
});

export default {
  Gzip, Gunzip, Deflate, Inflate, DeflateRaw, InflateRaw, Unzip, BrotliCompress, BrotliDecompress, createGzip, createGunzip, createDeflate,
  createInflate, createDeflateRaw, createInflateRaw, createUnzip, createBrotliCompress, createBrotliDecompress, gzipSync, gunzipSync, deflateSync,
  inflateSync, deflateRawSync, inflateRawSync, unzipSync, brotliCompressSync, brotliDecompressSync, gzip, gunzip, deflate, inflate, deflateRaw,
  inflateRaw, unzip, brotliCompress, brotliDecompress, crc32, constants, ...constants,
};
