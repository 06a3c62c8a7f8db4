// jwk-to-pem: RSA and EC public keys
import assert from 'node:assert/strict';
import jwkToPem from 'jwk-to-pem';
import { generateKeyPairSync } from 'node:crypto';
export async function run() {
  for (const [kind, options] of [['rsa', { modulusLength: 1024 }], ['ec', { namedCurve: 'P-256' }]]) {
    const { publicKey } = generateKeyPairSync(kind, options);
    assert.equal(jwkToPem(publicKey.export({ format: 'jwk' })).trim(), publicKey.export({ type: 'spki', format: 'pem' }).trim());
  }
}
