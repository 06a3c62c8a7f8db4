import { kvs } from '@forge/kvs';

interface Request {
  method: string;
  queryParameters: Record<string, string[]>;
}

// Each call runs in an instance of its own: what has to last goes into storage.
export const hello = async (request?: Request) => {
  const name = request?.queryParameters?.name?.[0] ?? 'world';
  const visits = ((await kvs.get<number>('visits')) ?? 0) + 1;
  await kvs.set('visits', visits);
  console.log('hello', { name, visits });
  return {
    statusCode: 200,
    headers: { 'Content-Type': ['application/json'] },
    body: JSON.stringify({ hello: name, visits }),
  };
};
