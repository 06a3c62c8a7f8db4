// jsonwebtoken: HS256, RS256, ES256 and PS256 tokens signed and verified, expiry
import assert from 'node:assert/strict';
import jwt from 'jsonwebtoken';
import { generateKeyPairSync } from 'node:crypto';
export async function run() {
  const pem = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, ...pem });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256', ...pem });
  for (const [algorithm, privateKey, publicKey] of [['HS256', 'secret', 'secret'], ['RS256', rsa.privateKey, rsa.publicKey], ['PS256', rsa.privateKey, rsa.publicKey], ['ES256', ec.privateKey, ec.publicKey]]) {
    const token = jwt.sign({ sub: 'alice' }, privateKey, { algorithm, expiresIn: '1h' });
    assert.equal(jwt.verify(token, publicKey, { algorithms: [algorithm] }).sub, 'alice');
    assert.throws(() => jwt.verify(`${token.slice(0, -4)}AAAA`, publicKey), { name: 'JsonWebTokenError' });
  }
  assert.throws(() => jwt.verify(jwt.sign({}, 's', { expiresIn: -1 }), 's'), { name: 'TokenExpiredError' });
}
