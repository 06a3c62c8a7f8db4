import Resolver from '@forge/resolver';
import { list } from './store.js';

const resolver = new Resolver();
resolver.define('builds', ({ context }) => list(context.extension.issue.key));

export const handler = resolver.getDefinitions();
