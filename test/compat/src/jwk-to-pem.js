// jwk-to-pem: RSA public keys
// partly: EC keys take longer than a call's CPU time; crypto.createPublicKey reads them at once
import assert from 'node:assert/strict';
import jwkToPem from 'jwk-to-pem';
import { generateKeyPairSync } from 'node:crypto';
export async function run() {
  for (const [kind, options] of [['rsa', { modulusLength: 2048 }]]) {
    const { publicKey } = generateKeyPairSync(kind, options);
    assert.equal(jwkToPem(publicKey.export({ format: 'jwk' })).trim(), publicKey.export({ type: 'spki', format: 'pem' }).trim());
  }
}
