// node:module: modules are joined when an app is bundled; nothing is loaded at run time.
import { NotOfferedError } from '../faults.js';

export const builtinModules = Object.freeze([]);
export const isBuiltin = () => false;

/** A require that can load nothing: what an app requires is in its bundle. */
export function createRequire() {
  const require = (name) => { throw new NotOfferedError(`require(${JSON.stringify(name)}) at run time`); };
  require.resolve = require;
  return require;
}
export default { builtinModules, isBuiltin, createRequire };
