// node:path: POSIX paths, from path-browserify.
import path from 'path-browserify';

export const { basename, delimiter, dirname, extname, format, isAbsolute, join, normalize, parse, posix, relative, resolve, sep } = path;
export const toNamespacedPath = (p) => p;
path.toNamespacedPath = toNamespacedPath;
export default path;
