// Signs CloudEvents for Annex with the npm package jose: what docs/PROTOCOL.md says. Reads the
// body on its input and writes the header Annex-Signature over exactly those bytes.
//
//   node publish.js KEY.pem PRODUCT CONTROL-ORIGIN SITE < event.json
import { calculateJwkThumbprint, CompactSign, exportJWK, importPKCS8 } from 'jose';
import { readFileSync } from 'node:fs';

const [keyFile, iss, aud, site] = process.argv.slice(2);
const key = await importPKCS8(readFileSync(keyFile, 'utf8'), 'ES256', { extractable: true });
const { d, ...half } = await exportJWK(key);
const kid = await calculateJwkThumbprint(half); // as productkit names a key
const iat = Math.floor(Date.now() / 1000);
const token = await new CompactSign(readFileSync(0))
  .setProtectedHeader({ alg: 'ES256', typ: 'annex-cloudevents+jws', kid, iss, aud, site, iat, exp: iat + 60 })
  .sign(key);
const [header, , signature] = token.split('.');
console.log(`${header}..${signature}`); // without the payload: that is the body
