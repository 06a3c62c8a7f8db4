import Resolver from '@forge/resolver';
import * as notes from './notes';

const resolver = new Resolver();

resolver.define('all', () => notes.all());
resolver.define('read', ({ payload }) => notes.read(payload.issue));
resolver.define('write', ({ payload }) => notes.write(payload.issue, payload.text));

export { handle } from './http';
export const run = resolver.getDefinitions();
export { run as resolver };
