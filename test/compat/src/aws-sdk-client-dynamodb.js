// @aws-sdk/client-dynamodb: an item read
import assert from 'node:assert/strict';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
export async function run() {
  const client = new DynamoDBClient({ region: 'eu-north-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' } });
  const res = await client.send(new GetItemCommand({ TableName: 't', Key: { id: { S: '1' } } }));
  assert.deepEqual(res.Item, { id: { S: '1' } });
}
