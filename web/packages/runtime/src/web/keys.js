// Keys of crypto.subtle and node:crypto: what the host makes of their forms, and the
// operations that take them. A key pair's halves travel in one canonical form each,
// PKCS #8 and SPKI; the host checks them again at each use.
import { kernel } from '@annex/runtime/kernel';

const { parse, stringify } = JSON;

/** One operation of the host's (infra/jsvm/crypt): a description and up to four values. */
export const run = (spec, ...data) => kernel.native('crypto', stringify(spec), ...data);

/**
 * An asymmetric key as the host describes it.
 * @typedef {{type: 'private' | 'public', kind: string, der: Uint8Array, bits?: number, exponent?: number, curve?: string}} Key
 */

/** @returns {Key} */
function described(json) {
  const key = parse(json);
  key.der = Uint8Array.fromBase64(key.der);
  return key;
}

/**
 * Reads a key. `form` is pem, der, raw or jwk, `type` the structure inside of DER,
 * `want` private or public.
 * @returns {Key}
 */
export const readKey = (spec, data) => described(run({ ...spec, op: 'key' }, data));
/** @returns {Key} a new private key */
export function newKey(spec) {
  if (kernel.moduleScope) kernel.random(0); // refused there, with the place
  return described(run({ ...spec, op: 'generate' }));
}
/** @returns {Key} */
export const publicHalf = (key) => (key.type === 'public' ? key : readKey({ form: 'der', type: 'spki' }, run({ op: 'export', want: 'public', form: 'der', type: 'spki' }, key.der)));
/** Writes a key's text or bytes. */
export const writeKey = (key, form, type) => run({ op: 'export', want: key.type, form, type }, key.der);
export const readJWK = (jwk, want) => readKey({ form: 'jwk', want }, utf8JSON(jwk));
export const writeJWK = (key) => parse(writeKey(key, 'jwk'));

const members = ['kty', 'crv', 'x', 'y', 'd', 'n', 'e', 'p', 'q', 'dp', 'dq', 'qi'];
const utf8JSON = (jwk) => kernel.native('utf8enc', stringify(Object.fromEntries(members.filter((m) => typeof jwk[m] === 'string').map((m) => [m, jwk[m]]))));
