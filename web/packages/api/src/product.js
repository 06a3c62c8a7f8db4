// Calls to products, as the app or as the user. Paths are checked here as they will be
// when the calls are built; then each call rejects with NOT_OFFERED.
import { NotOfferedError, notOffered, unbuilt } from '@annex/runtime/faults';
import { pathOf } from './route.js';

function request(member) {
  return unbuilt({
    async [member](path) {
      pathOf(path);
      throw new NotOfferedError(member);
    },
  }[member]);
}

const products = ['requestProduct', 'requestJira', 'requestConfluence', 'requestBitbucket', 'requestCompass', 'requestTrello', 'requestAtlassian'];

function caller(who) {
  const self = { requestGraph: notOffered(`${who}.requestGraph`), requestTeamworkGraph: notOffered(`${who}.requestTeamworkGraph`), requestConnectedData: notOffered(`${who}.requestConnectedData`) };
  for (const name of products) self[name] = request(`${who}.${name}`);
  // requestProduct names the product before the path.
  self.requestProduct = unbuilt(async (product, path) => {
    pathOf(path);
    throw new NotOfferedError(`${who}.requestProduct`);
  });
  self.withContext = () => Object.freeze(self);
  return self;
}

const app = Object.freeze(caller('asApp()'));

const userMembers = caller('asUser()');
userMembers.withProvider = function withProvider() {
  return provider;
};
const account = Object.freeze({
  hasCredentials: notOffered('withProvider().hasCredentials'),
  requestCredentials: notOffered('withProvider().requestCredentials'),
  getAccount: notOffered('withProvider().getAccount'),
  fetch: notOffered('withProvider().fetch'),
});
const provider = Object.freeze({
  ...account,
  listAccounts: notOffered('withProvider().listAccounts'),
  listCredentials: notOffered('withProvider().listCredentials'),
  asAccount: () => account,
});
const user = Object.freeze(userMembers);

/** Product calls with the app's own authority. */
export function asApp() { return app; }

/** Product calls with the authority of a user: of the session, or of `accountId`. */
export function asUser() { return user; }

export const requestJira = request('requestJira');
export const requestConfluence = request('requestConfluence');
export const requestBitbucket = request('requestBitbucket');
export const requestAtlassian = request('requestAtlassian');
export const requestGraph = notOffered('requestGraph');
// These two take paths as plain text: they are not documented, yet used.
export const __requestAtlassianAsApp = notOffered('__requestAtlassianAsApp');
export const __requestAtlassianAsUser = notOffered('__requestAtlassianAsUser');
