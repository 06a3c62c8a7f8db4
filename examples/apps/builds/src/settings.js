// What the admin page asks. It is a module of its own: the panel's resolver knows neither the
// key nor the address, and the product opens admin pages to admins only.
import { webTrigger } from '@forge/api';
import Resolver from '@forge/resolver';
import { renewKey, signingKey } from './store.js';

const resolver = new Resolver();
resolver.define('settings', async () => ({ url: await webTrigger.getUrl('report'), key: await signingKey() }));
resolver.define('renew', async () => ({ url: await webTrigger.getUrl('report'), key: await renewKey() }));

export const handler = resolver.getDefinitions();
