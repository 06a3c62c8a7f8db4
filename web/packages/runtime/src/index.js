// The base image's entry: evaluated once in a fresh engine, then frozen into the
// snapshot that every app's own snapshot starts from. Globals come first, since the
// modules below use them while they are evaluated.
import './web/early.js';
import { kernel } from './kernel.js';
import { installGlobals } from './globals.js';
import { installIntl } from './intl/install.js';
import { modules } from 'annex:modules';

installGlobals(globalThis);
installIntl(globalThis);

for (const [name, namespace] of modules) {
  kernel.registerModule(name, name.startsWith('node:') ? commonJS(namespace) : esModule(namespace));
}

// esModule is the form that both kinds of import take: Babel's and TypeScript's
// CommonJS output asks for __esModule before it takes `default`.
function esModule(namespace) {
  return Object.freeze(Object.defineProperty({ ...namespace }, '__esModule', { value: true }));
}

// commonJS is a Node.js module's value itself, since `require('events')` is a class and
// `require('assert')` a function; `default` is the value again, for `import`.
function commonJS(namespace) {
  const value = namespace.default;
  for (const [name, member] of Object.entries(namespace)) {
    if (name !== 'default' && !(name in value)) value[name] = member;
  }
  // Not by inheritance: streams are event emitters.
  if (!Object.hasOwn(value, 'default')) Object.defineProperty(value, 'default', { value, configurable: true, writable: true });
  return value;
}
