// What answers the panel. The issue comes from the context, which the platform vouches for,
// and never from the panel.
import Resolver from '@forge/resolver';
import kvs from '@forge/kvs';

const MAX_ITEMS = 100;
const MAX_TEXT = 200;

const keyOf = ({ extension }) => `checklist:${extension.issue.key}`;
const read = async (context) => (await kvs.get(keyOf(context))) ?? [];

async function change(context, make) {
  const items = make(await read(context));
  await kvs.set(keyOf(context), items);
  return items;
}

const resolver = new Resolver();

resolver.define('list', ({ context }) => read(context));

resolver.define('add', ({ payload, context }) => change(context, (items) => {
  const text = String(payload.text ?? '').trim().slice(0, MAX_TEXT);
  if (text === '') throw new Error('An item needs a text.');
  if (items.length >= MAX_ITEMS) throw new Error(`A checklist has at most ${MAX_ITEMS} items.`);
  const id = items.reduce((most, item) => Math.max(most, item.id), 0) + 1;
  const who = typeof payload.who === 'string' ? payload.who.slice(0, 255) : undefined;
  return [...items, { id, text, done: false, by: context.accountId, who }];
}));

resolver.define('toggle', ({ payload, context }) => change(context, (items) => items.map((item) => (
  item.id === payload.id ? { ...item, done: !item.done } : item))));

resolver.define('remove', ({ payload, context }) => change(context, (items) => items.filter((item) => item.id !== payload.id)));

export const handler = resolver.getDefinitions();
