// Reads {expect, keys, now, tokens} as JSON and writes, for each token, what was wrong with it.
import { readFileSync } from 'node:fs';
import { invocations } from './invocation.js';

const { expect, keys, now, tokens } = JSON.parse(readFileSync(0, 'utf8'));
const out = [];
for (const { name, token, at, replayed } of tokens) {
  const verify = invocations({ ...expect, keys, now: () => at ?? now }); // one that has seen nothing yet
  const answer = { name };
  try {
    if (replayed) await verify(token, expect);
    answer.claims = await verify(token, expect);
  } catch (e) {
    answer.refused = e.message;
  }
  out.push(answer);
}
process.stdout.write(JSON.stringify(out));
