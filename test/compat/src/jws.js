// jws: RS256 signed and verified
import assert from 'node:assert/strict';
import jws from 'jws';
import { generateKeyPairSync } from 'node:crypto';
export async function run() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
  const made = jws.sign({ header: { alg: 'RS256' }, payload: 'hello', privateKey: pem });
  assert.equal(jws.verify(made, 'RS256', publicKey.export({ type: 'spki', format: 'pem' })), true);
  assert.equal(jws.decode(made).payload, 'hello');
}
