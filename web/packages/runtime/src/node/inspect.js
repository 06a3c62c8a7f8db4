// util.inspect and util.format as Node.js prints them.
import { lacksAtomics } from './inspect-before.js';
import inspection from 'node-inspect-extracted';

if (lacksAtomics) delete globalThis.Atomics;

export const { inspect, format, formatWithOptions, stripVTControlCharacters } = inspection;
