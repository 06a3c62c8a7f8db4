import Resolver from '@forge/resolver';
import { kvs, WhereConditions } from '@forge/kvs';

const resolver = new Resolver();
const keyOf = (issue) => `estimate:${issue}`;

// The issue comes from where the panel stands, which the page cannot change.
resolver.define('estimate', async ({ context }) => (await kvs.get(keyOf(context.extension.issue.key))) ?? null);

resolver.define('setEstimate', async ({ payload, context }) => {
  const points = Number(payload?.points);
  if (![1, 2, 3, 5, 8, 13].includes(points)) throw new Error('An estimate is 1, 2, 3, 5, 8 or 13 points.');
  const value = { points, by: context.accountId };
  await kvs.set(keyOf(context.extension.issue.key), value);
  return value;
});

resolver.define('estimates', async () => {
  const { results } = await kvs.query().where('key', WhereConditions.beginsWith('estimate:')).limit(100).getMany();
  return Object.fromEntries(results.map(({ key, value }) => [key.slice('estimate:'.length), value.points]));
});

export const handler = resolver.getDefinitions();
