// The base image's entry: evaluated once in a fresh engine, then frozen into the
// snapshot that every app's own snapshot starts from. Globals come first, since the
// modules below use them while they are evaluated.
import { kernel } from './kernel.js';
import { modules } from 'annex:modules';

for (const [name, exports] of modules) kernel.registerModule(name, exports);
