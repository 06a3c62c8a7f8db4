// @aws-sdk/client-ses: an e-mail sent
import assert from 'node:assert/strict';
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses';
export async function run() {
  const client = new SESClient({ region: 'eu-north-1', credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' } });
  const res = await client.send(new SendEmailCommand({ Source: 'a@example.com', Destination: { ToAddresses: ['b@example.com'] }, Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } }));
  assert.equal(res.MessageId, 'm-1');
}
