// What libraries look for while they are evaluated. Imported before them.
import { TextDecoder, TextEncoder } from './encoding.js';

for (const [name, value] of Object.entries({ TextEncoder, TextDecoder })) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
