// The engine's checks of cryptography, in Node.js: what they expect is what Node.js does.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';

const source = readFileSync(new URL('../../../../internal/assets/build/testdata/crypto.js', import.meta.url), 'utf8');
(0, eval)(source.replace(/^(\s*\/\/.*\n)*/, '').trim().replace(/;$/, ''))(createRequire(import.meta.url), ({ crypto }) => {
  for (const [name, check] of Object.entries(crypto)) test(name, check);
});
