// How an app's source uses the packages, under the names that it was written for.
// Lines marked @ts-expect-error must not compile.
import api, { asUser, fetch, getAppContext, route, startsWith, storage, webTrigger, ExternalEndpointNotAllowedError } from '@forge/api';
import kvs, { WhereConditions } from '@forge/kvs';
import Resolver from '@forge/resolver';
import { InvocationError, Queue } from '@forge/events';
import { getCallBridge, invoke, makeInvoke, router, showFlag, view } from '@forge/bridge';
import ForgeReconciler, { Button, Text, useForm, useIssueProperty, useObjectStore, useProductContext } from '@forge/react';
import ForgeUI, { useState } from '@forge/ui';

const resolver = new Resolver();
resolver.define('getText', async ({ payload, context }) => {
  const res = await api.asApp().requestJira(route`/rest/api/3/issue/${payload.key}`, { method: 'GET' });
  const body: { summary: string } = await res.json();
  return body.summary + context.accountId;
}).define('other', () => undefined);
export const handler = resolver.getDefinitions();

export async function run(): Promise<InvocationError | { statusCode: number }> {
  const { results, nextCursor } = await storage.query<number>().where('key', startsWith('a')).limit(5).getMany();
  const first: number = results[0].value;
  await kvs.set('k', { first, nextCursor }, { ttl: { value: 1, unit: 'DAYS' } });
  const found: string | undefined = await kvs.get<string>('k');
  await kvs.query().where('key', WhereConditions.beginsWith('x')).getOne();
  const url: string = await webTrigger.getUrl('hook');
  try {
    await fetch(url, { method: 'POST', body: found });
  } catch (err) {
    if (err instanceof ExternalEndpointNotAllowedError) return { statusCode: err.status };
  }
  await new Queue({ key: 'q' }).push({ body: { a: 1 } });
  const left: number = getAppContext().invocationRemainingTimeInMillis();
  return left > 0 ? new InvocationError({ retryAfter: 5 }) : { statusCode: 204 };
}

// A front end, and a view of UI Kit.
export async function front(): Promise<string> {
  const { extension, moduleKey, accountId } = await view.getContext();
  const count = await invoke<number>('count', { issue: extension.issue?.key, by: accountId });
  const mine = makeInvoke<{ total: (payload: { of: string }) => { sum: number } }>();
  const { sum } = await mine('total', { of: moduleKey });
  const history = await view.createHistory();
  const stop: () => void = history.listen(() => {});
  stop();
  const { close } = showFlag({ id: 1, type: 'success', title: String(count + sum) });
  await close();
  await getCallBridge()('resize', { height: 1 });
  return (await router.getUrl({ target: 'issue', issueKey: 'DEMO-1' })).href;
}
export function kit() {
  const { locale, extension } = useProductContext();
  const [tasks, store] = useIssueProperty<string[]>('tasks', []);
  const { handleSubmit, register, formState } = useForm<{ name: string }>();
  void store((now) => [...now, extension.moduleKey]);
  const [n, set] = useState(0);
  void set((now) => now + n);
  return [Button({ appearance: 'primary', onClick: handleSubmit((values) => values.name), ...register('name'), isDisabled: !formState.isValid }), tasks, locale.length, ForgeUI];
}
export function wrongFront() {
  // @ts-expect-error a flag has an id
  showFlag({ title: 'x' });
  // @ts-expect-error the names of the app's own functions
  makeInvoke<{ total: () => number }>()('totals');
  // @ts-expect-error a field of the form
  useForm<{ name: string }>().register('nome');
  // @ts-expect-error a name that there is not
  void view.getContexts;
  // @ts-expect-error a place has a target
  void router.navigate({ issueKey: 'DEMO-1' });
  const nothing: never = useObjectStore();
  return nothing;
}

export function wrong() {
  // @ts-expect-error a bare string is no route
  asUser().requestJira('/rest/api/3/myself');
  // @ts-expect-error a unit that does not exist
  kvs.set('k', 1, { ttl: { value: 1, unit: 'WEEKS' } });
  // @ts-expect-error a queue needs a key
  new Queue();
}
export { ForgeReconciler, Text };
