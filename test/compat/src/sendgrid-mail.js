// @sendgrid/mail: an e-mail sent
import assert from 'node:assert/strict';
import mail from '@sendgrid/mail';
export async function run() {
  mail.setApiKey('SG.key');
  const [res] = await mail.send({ to: 'b@example.com', from: 'a@example.com', subject: 's', text: 't' });
  assert.equal(res.statusCode, 202);
}
