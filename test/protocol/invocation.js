// A verifier of invocation tokens for Node.js: what a remote does with each request before it
// believes it (docs/PROTOCOL.md, on the npm package jose).
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose';
import { Refused, demand, object, text } from './strict.js';

const LEEWAY = 10;
const LIFE = 25;

// invocations makes a function that gives the claims of the token of one request, or throws.
// keys is a key set, or the URL of one; audience the app's ARI, or this remote's origin where
// an admin said that it is there; server the control origin of the Annex server.
export function invocations({ server, audience, remote, base, keys, now = () => Math.floor(Date.now() / 1000) }) {
  const find = typeof keys === 'string' ? createRemoteJWKSet(new URL(keys)) : createLocalJWKSet(keys);
  const origin = new URL(base).origin;
  const seen = new Map(); // ids of tokens that count still
  return async (token, { method, path }) => {
    demand(typeof token === 'string' && token.length <= 16 << 10, 'too large');
    demand(/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && !token.endsWith('\n'), 'not three parts of base64url');
    const [header] = token.split('.').map((part, i) => {
      const bytes = Buffer.from(part, 'base64url');
      demand(bytes.toString('base64url') === part, 'base64url not in its canonical form');
      return i < 2 ? object(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) : null;
    });
    demand(Object.keys(header).sort().join() === 'alg,kid,typ' && text(header.kid), 'a header with other members than alg, typ and kid');
    demand(header.typ === 'fit+jwt', 'another typ');
    const { payload: c } = await jwtVerify(token, find, {
      algorithms: ['RS256'], typ: 'fit+jwt', issuer: 'forge/invocation-token', audience, clockTolerance: LEEWAY, currentDate: new Date(now() * 1000),
    });
    demand(typeof c.aud === 'string' && c.server === server, 'of another server');
    demand(Number.isSafeInteger(c.iat) && Number.isSafeInteger(c.exp) && c.exp > c.iat && c.exp - c.iat <= LIFE && c.iat <= now() + LEEWAY, 'counts for too long');
    demand(text(c.jti) && c.app !== null && typeof c.app === 'object' && text(c.app.id) && text(c.app.installationId), 'jti or app');
    demand(c.remote === remote, 'for another remote');
    demand(c.htm === method, 'for another method');
    demand(c.htu === origin + new URL(path, origin).pathname, 'for another URL');
    for (const [id, until] of seen) if (until < now() - LEEWAY) seen.delete(id);
    demand(!seen.has(c.jti), 'used already');
    seen.set(c.jti, c.exp);
    return c;
  };
}

export { Refused };
