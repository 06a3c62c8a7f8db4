import api, { route } from '@forge/api';
import Resolver from '@forge/resolver';
import { summarize } from './summarize.js';

const resolver = new Resolver();

// asUser asks the product in the name of whoever looks at the panel: their rights decide what
// comes back. Which issue it is comes from the context, which the platform vouches for.
resolver.define('summary', async ({ context }) => {
  const { key } = context.extension.issue;
  const answer = await api.asUser().requestJira(route`/rest/api/3/issue/${key}?fields=summary,status,assignee,reporter,priority,created,updated,comment`);
  if (!answer.ok) throw new Error(`The product answered ${answer.status}.`);
  return summarize(await answer.json(), context.accountId, Date.now());
});

export const handler = resolver.getDefinitions();
