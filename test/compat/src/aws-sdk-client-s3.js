// @aws-sdk/client-s3: put, get and list with signed requests, an error by its name
import assert from 'node:assert/strict';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
export async function run() {
  const client = new S3Client({ region: 'eu-north-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' } });
  await client.send(new PutObjectCommand({ Bucket: 'notes', Key: 'a.txt', Body: 'contents', ContentType: 'text/plain' }));
  const got = await client.send(new GetObjectCommand({ Bucket: 'notes', Key: 'a.txt' }));
  assert.equal(await got.Body.transformToString(), 'contents');
  const list = await client.send(new ListObjectsV2Command({ Bucket: 'notes' }));
  assert.deepEqual(list.Contents.map((o) => [o.Key, o.Size]), [['a.txt', 8]]);
  await assert.rejects(client.send(new GetObjectCommand({ Bucket: 'notes', Key: 'none' })), { name: 'NoSuchKey' });
}
