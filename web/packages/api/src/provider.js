// External accounts of the user who is present, and credentials of the site's. The server finds whose they are, and puts
// the credential into requests; nothing of it is here.
import { notOffered } from '@annex/runtime/faults';
import { askProvider, fetchProvider } from '@annex/runtime/provider';

const named = (value, what) => {
  if (typeof value !== 'string' || value === '') throw new TypeError(`withProvider: ${what} is a text`);
  return value;
};

const scopesOf = (scopes) => {
  if (scopes === undefined || scopes === null) return undefined;
  if (!Array.isArray(scopes) || scopes.some((s) => typeof s !== 'string')) throw new TypeError('withProvider: scopes are a list of texts');
  return scopes;
};

const accountsOf = async (provider) => (await askProvider('accounts', { provider })).accounts;

function methods(provider, remote, account) {
  return {
    async hasCredentials(scopes = undefined) {
      return (await askProvider('has', { provider, account, scopes: scopesOf(scopes) })).has;
    },
    /** Resolves when the account is there; else the call ends, and the user is asked to connect it. */
    async requestCredentials(scopes = undefined) {
      const wanted = scopesOf(scopes);
      if ((await askProvider('has', { provider, account, scopes: wanted })).has) return true;
      return askProvider('request', { provider, account, scopes: wanted });
    },
    async getAccount() {
      const all = await accountsOf(provider);
      return account === undefined ? all[0] : all.find((a) => a.id === account);
    },
    fetch: async (path, init = undefined) => fetchProvider({ provider, remote, account }, String(path?.value ?? path), init),
  };
}

/**
 * A provider whose credential an admin of the site gives (api_key, hmac, client_credentials):
 * no user has to be present. Without a credential it rejects with PROVIDER_NOT_CONFIGURED.
 */
export function withSiteProvider(provider, remote = undefined) {
  named(provider, 'the provider');
  if (remote !== undefined) named(remote, 'the remote');
  const who = { provider, remote, app: true };
  return Object.freeze({
    hasCredentials: async () => (await askProvider('has', who)).has,
    requestCredentials: async () => (await askProvider('has', who)).has || askProvider('request', who),
    fetch: async (path, init = undefined) => fetchProvider(who, String(path?.value ?? path), init),
  });
}

/** The user's accounts of a provider; without a remote its first one is asked. */
export function withProvider(provider, remote = undefined) {
  named(provider, 'the provider');
  if (remote !== undefined) named(remote, 'the remote');
  return Object.freeze({
    ...methods(provider, remote, undefined),
    listAccounts: async () => accountsOf(provider),
    listCredentials: notOffered('withProvider().listCredentials'),
    asAccount: (id) => Object.freeze(methods(provider, remote, named(id, 'the id of an account'))),
  });
}
