// @aws-sdk/client-sns: a message published
import assert from 'node:assert/strict';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
export async function run() {
  const client = new SNSClient({ region: 'eu-north-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' } });
  assert.equal((await client.send(new PublishCommand({ TopicArn: 'arn:aws:sns:eu-north-1:1:t', Message: 'm' }))).MessageId, 'm-2');
}
