// How an app's source uses the packages, under the names that it was written for.
// Lines marked @ts-expect-error must not compile.
import api, { asUser, fetch, getAppContext, route, startsWith, storage, webTrigger, ExternalEndpointNotAllowedError } from '@forge/api';
import kvs, { WhereConditions } from '@forge/kvs';
import Resolver from '@forge/resolver';
import { InvocationError, Queue } from '@forge/events';
import ForgeReconciler, { Text } from '@forge/react';

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

export function wrong() {
  // @ts-expect-error a bare string is no route
  asUser().requestJira('/rest/api/3/myself');
  // @ts-expect-error a unit that does not exist
  kvs.set('k', 1, { ttl: { value: 1, unit: 'WEEKS' } });
  // @ts-expect-error a queue needs a key
  new Queue();
}
export { ForgeReconciler, Text };
