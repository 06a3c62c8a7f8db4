// Requests to the app's own back ends, which the manifest names as remotes. The host adds
// what proves who calls; the code here never sees it.
import { askProduct } from '@annex/runtime/product';

const asked = (member, remoteKey, options, plain) => {
  if (typeof remoteKey !== 'string' || remoteKey === '') throw new TypeError(`${member} needs the key of a remote`);
  const { path = '', ...init } = options ?? {};
  return askProduct({ remote: remoteKey, plain }, String(path?.value ?? path), init);
};

/**
 * Calls a remote with an invocation token, and with the tokens that its manifest entry
 * switches on.
 *
 * Rejects with REMOTE_NOT_CONFIGURED where no admin has set its URL.
 * @param {string} remoteKey
 * @param {RequestInit & {path: string}} options
 * @returns {Promise<Response>}
 */
export async function invokeRemote(remoteKey, options) { return asked('invokeRemote', remoteKey, options, false); }

/** The same, with an invocation token alone. */
export async function requestRemote(remoteKey, options) { return asked('requestRemote', remoteKey, options, true); }
