// jose: JWT by ES256 and EdDSA, JWE by AES-GCM and RSA-OAEP, JWKS
import assert from 'node:assert/strict';
import * as jose from 'jose';
export async function run() {
  for (const alg of ['ES256', 'EdDSA', 'RS256']) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    const token = await new jose.SignJWT({ a: 1 }).setProtectedHeader({ alg }).setExpirationTime('1h').sign(privateKey);
    const set = jose.createLocalJWKSet({ keys: [await jose.exportJWK(publicKey)] });
    assert.equal((await jose.jwtVerify(token, set)).payload.a, 1);
    await jose.importPKCS8(await jose.exportPKCS8(privateKey), alg);
  }
  const { publicKey, privateKey } = await jose.generateKeyPair('RSA-OAEP-256');
  const sealed = await new jose.CompactEncrypt(new TextEncoder().encode('secret')).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }).encrypt(publicKey);
  assert.equal(new TextDecoder().decode((await jose.compactDecrypt(sealed, privateKey)).plaintext), 'secret');
}
