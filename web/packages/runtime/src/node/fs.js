// node:fs: the files that were bundled with the app, to read. There is no other file,
// and nothing can be written.
import { kernel } from '@annex/runtime/kernel';
import { notOffered, notOfferedNow } from '../faults.js';
import { Buffer } from './buffer.js';
import { resolve } from './path.js';
import { fileURLToPath } from './url.js';
import { Readable } from './stream.js';

function fault(code, call, path) {
  const words = { ENOENT: 'no such file or directory', EROFS: 'read-only file system' }[code];
  return Object.assign(new Error(`${code}: ${words}, ${call} '${path}'`), { code, syscall: call, path, errno: code === 'ENOENT' ? -2 : -30 });
}

function bytesAt(path) {
  let name = path instanceof Uint8Array ? new TextDecoder().decode(path) : typeof path === 'object' && path !== null ? fileURLToPath(path) : String(path);
  name = resolve('/app', name);
  return name.startsWith('/app/') ? kernel.native('file', name.slice('/app/'.length)) : undefined;
}

const encodingOf = (options) => (typeof options === 'string' ? options : options?.encoding);

/** @throws {Error} ENOENT if the file was not bundled with the app */
export function readFileSync(path, options) {
  const bytes = bytesAt(path);
  if (bytes === undefined) throw fault('ENOENT', 'open', path);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const encoding = encodingOf(options);
  return encoding && encoding !== 'buffer' ? buffer.toString(encoding) : buffer;
}
export function existsSync(path) {
  try {
    return bytesAt(path) !== undefined;
  } catch {
    return false;
  }
}
export function statSync(path, options) {
  const bytes = bytesAt(path);
  if (bytes === undefined) {
    if (options?.throwIfNoEntry === false) return undefined;
    throw fault('ENOENT', 'stat', path);
  }
  const date = new Date(0);
  return {
    size: bytes.length, mode: 0o100444, mtimeMs: 0, ctimeMs: 0, atimeMs: 0, birthtimeMs: 0, mtime: date, ctime: date, atime: date, birthtime: date,
    isFile: () => true, isDirectory: () => false, isSymbolicLink: () => false, isFIFO: () => false, isSocket: () => false, isBlockDevice: () => false, isCharacterDevice: () => false,
  };
}
export const lstatSync = statSync;
export function accessSync(path, mode = 0) {
  if (mode & 2) throw fault('EROFS', 'access', path);
  if (!existsSync(path)) throw fault('ENOENT', 'access', path);
}
export const realpathSync = Object.assign((path) => {
  accessSync(path);
  return resolve('/app', String(path));
}, { native: (path) => realpathSync(path) });

export function createReadStream(path, options) {
  const encoding = encodingOf(options);
  const { start = 0, end = Infinity } = typeof options === 'object' && options !== null ? options : {};
  return new Readable({
    encoding,
    read() {
      try {
        this.push(readFileSync(path).subarray(start, end + 1));
        this.push(null);
      } catch (err) {
        this.destroy(err);
      }
    },
  });
}

const later = (sync) => async (...args) => sync(...args);
const withCallback = (sync) => (...args) => {
  const done = args.pop();
  if (typeof done !== 'function') throw Object.assign(new TypeError('The "cb" argument must be of type function'), { code: 'ERR_INVALID_ARG_TYPE' });
  queueMicrotask(() => {
    let value;
    try {
      value = sync(...args);
    } catch (err) {
      done(err);
      return;
    }
    done(null, value);
  });
};
export const readFile = withCallback(readFileSync);
export const stat = withCallback(statSync);
export const lstat = stat;
export const access = withCallback(accessSync);
export const realpath = withCallback(realpathSync);
export const exists = (path, done) => queueMicrotask(() => done(existsSync(path)));

const unbuilt = (name) => notOfferedNow(`fs.${name}`);
const unbuiltLater = (name) => notOffered(`fs.promises.${name}`);

export const writeFileSync = unbuilt('writeFileSync');
export const writeFile = unbuilt('writeFile');
export const appendFileSync = unbuilt('appendFileSync');
export const appendFile = unbuilt('appendFile');
export const mkdirSync = unbuilt('mkdirSync');
export const mkdir = unbuilt('mkdir');
export const readdirSync = unbuilt('readdirSync');
export const readdir = unbuilt('readdir');
export const unlinkSync = unbuilt('unlinkSync');
export const unlink = unbuilt('unlink');
export const rmSync = unbuilt('rmSync');
export const rm = unbuilt('rm');
export const renameSync = unbuilt('renameSync');
export const rename = unbuilt('rename');
export const copyFileSync = unbuilt('copyFileSync');
export const copyFile = unbuilt('copyFile');
export const openSync = unbuilt('openSync');
export const open = unbuilt('open');
export const closeSync = unbuilt('closeSync');
export const close = unbuilt('close');
export const readSync = unbuilt('readSync');
export const read = unbuilt('read');
export const fstatSync = unbuilt('fstatSync');
export const fstat = unbuilt('fstat');
export const writeSync = unbuilt('writeSync');
export const write = unbuilt('write');
export const mkdtempSync = unbuilt('mkdtempSync');
export const createWriteStream = unbuilt('createWriteStream');
export const watch = unbuilt('watch');
export const watchFile = unbuilt('watchFile');
export const constants = Object.freeze({ F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024, COPYFILE_EXCL: 1 });

export const promises = {
  readFile: later(readFileSync), stat: later(statSync), lstat: later(statSync), access: later(accessSync), realpath: later(realpathSync), constants,
  ...Object.fromEntries(['writeFile', 'appendFile', 'mkdir', 'readdir', 'unlink', 'rm', 'rename', 'copyFile', 'open', 'mkdtemp'].map((m) => [m, unbuiltLater(m)])),
};

export default {
  readFileSync, existsSync, statSync, lstatSync, accessSync, realpathSync, createReadStream, readFile, stat, lstat, access, realpath, exists,
  writeFileSync, writeFile, appendFileSync, appendFile, mkdirSync, mkdir, readdirSync, readdir, unlinkSync, unlink, rmSync, rm, renameSync, rename,
  copyFileSync, copyFile, openSync, open, closeSync, close, readSync, read, fstatSync, fstat, writeSync, write, mkdtempSync, createWriteStream, watch, watchFile, constants, promises,
};
