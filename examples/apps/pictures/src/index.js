import Resolver from '@forge/resolver';
import { kvs } from '@forge/kvs';

const resolver = new Resolver();
const keyOf = (context) => `pictures:${context.extension.issue.key}`;

resolver.define('pictures', async ({ context }) => (await kvs.get(keyOf(context))) ?? []);

resolver.define('add', async ({ payload, context }) => {
  const url = new URL(String(payload?.url));
  if (url.protocol !== 'https:') throw new Error('A picture has an https address.');
  const all = (await kvs.get(keyOf(context))) ?? [];
  if (all.length >= 12) throw new Error('An issue has at most 12 pictures.');
  if (!all.includes(url.href)) all.push(url.href);
  await kvs.set(keyOf(context), all);
  return all;
});

resolver.define('remove', async ({ payload, context }) => {
  const all = ((await kvs.get(keyOf(context))) ?? []).filter((url) => url !== payload?.url);
  await kvs.set(keyOf(context), all);
  return all;
});

export const handler = resolver.getDefinitions();
