// Reads {expect, keys, now, tokens} as JSON on its input and writes, for each token, whether
// it was taken: by the whole verifier, and by jose alone.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { readFileSync } from 'node:fs';
import { verifier } from './verify.js';

const { expect, keys, now, tokens } = JSON.parse(readFileSync(0, 'utf8'));
const out = [];
for (const { name, kind, token } of tokens) {
  const { typ, signer, issuer, audience } = expect[kind];
  const set = keys[signer];
  const verify = verifier({ typ, issuer, audience, keys: set, now: now ? () => now : undefined });
  const currentDate = now ? new Date(now * 1000) : new Date();
  const plain = async () =>
    jwtVerify(token, createLocalJWKSet(set), { algorithms: ['ES256'], typ, issuer, audience, clockTolerance: 10, currentDate });
  const answer = { name, kind };
  try {
    answer.claims = await verify(token);
  } catch (e) {
    answer.refused = `${e.code ?? e.constructor.name}: ${e.message}`;
  }
  if (typeof set !== 'string') answer.joseAlone = await plain().then(() => true, () => false);
  out.push(answer);
}
process.stdout.write(JSON.stringify(out));
