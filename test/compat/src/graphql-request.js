// graphql-request: a query sent, its variables, an error
import assert from 'node:assert/strict';
import { gql, GraphQLClient } from 'graphql-request';
export async function run() {
  const client = new GraphQLClient('https://api.example.com/graphql', { headers: { authorization: 'Bearer t' } });
  assert.equal((await client.request(gql`query ($n: Int) { hello(n: $n) }`, { n: 1 })).hello, 'world 1');
  await assert.rejects(client.request('{ bad }'), /no such field/);
}
