// atlassian-jwt: HS256 with a query string hash
import assert from 'node:assert/strict';
import * as jwt from 'atlassian-jwt';
export async function run() {
  const req = jwt.fromMethodAndUrl('GET', '/rest/api/2/issue?b=2&a=1');
  const token = jwt.encodeSymmetric({ qsh: jwt.createQueryStringHash(req) }, 'secret');
  assert.equal(jwt.decodeSymmetric(token, 'secret', jwt.SymmetricAlgorithm.HS256).qsh.length, 64);
}
