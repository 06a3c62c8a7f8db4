// graphql: a schema built and a query executed
import assert from 'node:assert/strict';
import { buildSchema, graphql } from 'graphql';
export async function run() {
  const schema = buildSchema('type Query { hello(name: String!): String }');
  const res = await graphql({ schema, source: '{ hello(name: "Alice") }', rootValue: { hello: async ({ name }) => `Hello ${name}` } });
  assert.equal(res.data.hello, 'Hello Alice');
}
