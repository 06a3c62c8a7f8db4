// Calls to products, as the app or as the user. The server decides each of them: where
// the app is installed, what was granted, what the user agreed to. No credential is here.
import { NotOfferedError, notOffered, unbuilt } from '@annex/runtime/faults';
import { asker, askProduct } from '@annex/runtime/product';
import { withProvider, withSiteProvider } from './provider.js';
import { assumeTrustedRoute, pathOf } from './route.js';

// requestX is requestProduct with the product that has x as its key or alias.
const named = {
  requestJira: 'jira', requestConfluence: 'confluence', requestBitbucket: 'bitbucket', requestCompass: 'compass', requestTrello: 'trello', requestAtlassian: 'atlassian',
};

const remembered = 16; // products of a caller; no app has as many

function caller(who, as, accountId) {
  const askers = new Map();
  const askerOf = (product) => {
    const known = asker(String(product), as, accountId);
    if (typeof product === 'string' && askers.size < remembered) askers.set(product, known); // another thing's text may change
    return known;
  };
  const ask = (product, path, init) => {
    try {
      return askProduct(askers.get(product) ?? askerOf(product), pathOf(path), init, ask);
    } catch (err) {
      return Promise.reject(err);
    }
  };
  const self = {
    requestProduct: ask,
    requestGraph: (query, variables, headers) => graph(as, accountId, query, variables, headers),
    requestTeamworkGraph: notOffered(`${who}.requestTeamworkGraph`),
    requestConnectedData: notOffered(`${who}.requestConnectedData`),
    // An installation has one context here.
    withContext: () => Object.freeze(self),
  };
  for (const [member, product] of Object.entries(named)) self[member] = (path, init) => ask(product, path, init);
  return self;
}

async function graph(as, accountId, query, variables = {}, headers = {}) {
  if (typeof query !== 'string') throw new TypeError('requestGraph: the query is a text');
  return askProduct({ ...asker('', as, accountId), graph: true }, '', {
    method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }),
  });
}

// The accounts are of the user who is present: of nobody else's is anything known here.
const absent = notOffered('asUser(accountId).withProvider()');
const absentAccount = Object.freeze({ hasCredentials: absent, requestCredentials: absent, getAccount: absent, fetch: absent });
const absentProvider = Object.freeze({ ...absentAccount, listAccounts: absent, listCredentials: absent, asAccount: () => absentAccount });

const userCaller = (accountId) => Object.freeze({ ...caller('asUser()', 'user', accountId), withProvider: accountId === undefined ? withProvider : () => absentProvider });
const app = Object.freeze({ ...caller('asApp()', 'app'), withProvider: withSiteProvider });
const user = userCaller(undefined);

/** Product calls with the app's own authority. */
export function asApp() { return app; }

/**
 * Product calls with the authority of a user: the one who is present, or, where the
 * grant and that user's own consent allow it, the one of accountId.
 * @param {string} [accountId]
 */
export function asUser(accountId = undefined) {
  return accountId === undefined || accountId === null ? user : userCaller(String(accountId));
}

// Without asApp() or asUser() a call would have nobody's authority; products offer
// nothing to nobody.
function request(member) {
  return unbuilt({
    async [member](path) {
      pathOf(path);
      throw new NotOfferedError(`${member} without asApp() or asUser()`);
    },
  }[member]);
}

export const requestJira = request('requestJira');
export const requestConfluence = request('requestConfluence');
export const requestBitbucket = request('requestBitbucket');
export const requestAtlassian = request('requestAtlassian');
export const requestGraph = notOffered('requestGraph without asApp() or asUser()');

// These two take paths as plain text: they are not documented, yet used. The path counts
// for the product on which the app is installed.
export const __requestAtlassianAsApp = (path, init) => app.requestProduct('', assumeTrustedRoute(path), init);
export const __requestAtlassianAsUser = (path, init) => user.requestProduct('', assumeTrustedRoute(path), init);
