// Properties that an app keeps on a product's things, as the app.
import { HttpError } from '@annex/runtime/errors';
import { notOffered } from '@annex/runtime/faults';
import { asApp } from './product.js';
import { route } from './route.js';

/**
 * Properties under a path of Jira's shape, `…/properties/{key}`.
 *
 * get gives undefined where there is no such property; each rejects with an HttpError
 * for any other answer than success.
 */
function under(member, pathOf) {
  const ask = async (key, init) => asApp()[member](pathOf(String(key)), init);
  const fail = async (res) => { throw new HttpError(`the product answered ${res.status}`, { status: res.status, statusText: res.statusText, code: 'PRODUCT_ANSWER', body: await res.text() }); };
  return Object.freeze({
    async get(key) {
      const res = await ask(key);
      if (res.status === 404) return undefined;
      return res.ok ? (await res.json()).value : fail(res);
    },
    async set(key, value) {
      const res = await ask(key, { method: 'PUT', body: JSON.stringify(value) });
      if (!res.ok) await fail(res);
    },
    async delete(key) {
      const res = await ask(key, { method: 'DELETE' });
      if (!res.ok && res.status !== 404) await fail(res);
    },
  });
}

const unbuilt = (on) => Object.freeze(Object.fromEntries(['get', 'set', 'delete'].map((m) => [m, notOffered(`properties.${on}.${m}`)])));

/** Properties of a product's things; those of other products than Jira are not offered. */
export const properties = Object.freeze({
  onJiraIssue: (issue) => under('requestJira', (key) => route`/rest/api/3/issue/${issue}/properties/${key}`),
  onJiraProject: (project) => under('requestJira', (key) => route`/rest/api/3/project/${project}/properties/${key}`),
  onJiraUser: (user) => under('requestJira', (key) => route`/rest/api/3/user/properties/${key}?accountId=${user}`),
  ...Object.fromEntries(['onConfluencePage', 'onConfluenceSpace', 'onConfluenceContent', 'onBitbucketRepository'].map((on) => [on, () => unbuilt(on)])),
});
