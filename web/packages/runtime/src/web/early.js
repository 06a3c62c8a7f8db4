// What libraries look for while they are evaluated. Imported before them.
import process from '../node/process.js';
import { TextDecoder, TextEncoder } from './encoding.js';

for (const [name, value] of Object.entries({ TextEncoder, TextDecoder, process, global: globalThis })) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
