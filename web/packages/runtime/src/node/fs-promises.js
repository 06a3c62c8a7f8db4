import { constants, promises } from './fs.js';

export const { readFile, stat, lstat, access, realpath, writeFile, appendFile, mkdir, readdir, unlink, rm, rename, copyFile, open, mkdtemp } = promises;
export { constants };
export default promises;
