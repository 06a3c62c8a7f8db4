// A verifier of Annex's tokens for Node.js: what docs/PROTOCOL.md says, on the npm package
// jose. jose verifies signature, algorithm, key, typ, iss, aud, exp and nbf; the rest of this
// file refuses what JSON and base64 readers take differently, and checks the other claims.
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose';
import { demand, object, text } from './strict.js';

const LEEWAY = 10;

// verifier makes a function that gives the claims of a good token of one kind, or throws.
// keys is a key set, or the URL of one.
export function verifier({ typ, issuer, audience, keys, now = () => Math.floor(Date.now() / 1000) }) {
  const find = typeof keys === 'string' ? createRemoteJWKSet(new URL(keys)) : createLocalJWKSet(keys);
  const limit = typ === 'annex-event+jwt' ? 400 << 10 : 16 << 10;
  const check = kinds[typ];
  return async (token) => {
    strict(token, limit, typ);
    const { payload } = await jwtVerify(token, find, {
      algorithms: ['ES256'], typ, issuer, audience, clockTolerance: LEEWAY, currentDate: new Date(now() * 1000),
    });
    common(payload, now());
    check(payload);
    return payload;
  };
}

// strict refuses what is not the one form of a token.
function strict(token, limit, typ) {
  demand(typeof token === 'string' && token.length <= limit, 'too large');
  demand(/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && !token.endsWith('\n'), 'not three parts of base64url');
  const [header] = token.split('.').map((part, i) => {
    const bytes = Buffer.from(part, 'base64url');
    demand(bytes.toString('base64url') === part, 'base64url not in its canonical form');
    return i < 2 ? object(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) : null;
  });
  demand(Object.keys(header).sort().join() === 'alg,kid,typ', 'a header with other members than alg, typ and kid');
  demand(text(header.kid) && header.typ === typ, 'no kid, or a typ of another spelling');
}

const form = (v, pattern) => typeof v === 'string' && pattern.test(v); // test() takes undefined for a text
const seconds = (v) => Number.isSafeInteger(v) && v > 0 && v <= 2 ** 40;
const record = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);

function common(c, now) {
  demand(text(c.iss) && text(c.aud) && text(c.jti) && text(c.site), 'iss, aud, jti or site');
  demand(seconds(c.iat) && seconds(c.exp) && c.exp > c.iat && c.iat <= now + LEEWAY, 'iat or exp');
  demand(c.nbf === undefined || seconds(c.nbf), 'nbf');
}

function user(c) {
  demand(c.exp - c.iat <= 120, 'counts for too long');
  demand(text(c.sub) && text(c.name) && typeof c.admin === 'boolean', 'sub, name or admin');
  demand(form(c.jti, /^[A-Za-z0-9._:-]{16,128}$/), 'jti');
  demand(form(c.locale, /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,5}$/), 'locale');
  demand(form(c.timezone, /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,3}$/), 'timezone');
  demand(seconds(c.auth_time) && c.auth_time <= c.iat + 2 * LEEWAY, 'auth_time');
}

const kinds = {
  'at+jwt'(c) {
    const self = `app:${c.installation}`;
    demand(text(c.installation) && text(c.client_id), 'installation or client_id');
    demand(record(c.act) && c.act.sub === self && (c.act.name === undefined || text(c.act.name)), 'act');
    demand(text(c.sub) && (c.sub === self || /^user:./.test(c.sub)), 'sub');
    demand(c.scope === '' || (text(c.scope) && c.scope.split(' ').every((s) => s !== '')), 'scope');
  },
  'annex-user+jwt': user,
  'annex-panel+jwt'(c) {
    user(c);
    demand(text(c.module) && record(c.extension), 'module or extension');
  },
  'annex-event+jwt'(c) {
    demand(c.exp - c.iat <= 120 && form(c.jti, /^[A-Za-z0-9._:-]{16,128}$/), 'exp or jti');
    demand(text(c.type) && !Number.isNaN(Date.parse(c.time)) && record(c.data), 'type, time or data');
  },
};
