// Triage for Gitea: as itself it greets new issues, as the user it comments for them.
import { asApp, asUser, route } from '@annex/api';
import Resolver from '@annex/resolver';

const gitea = (who, path, init) => who.requestProduct('gitea', path, init);

/** Lists the open issues of a repository, or comments on one, as the app's own account. */
export async function triage(request) {
  const { owner, repo, issue, text } = request.body ? JSON.parse(request.body) : {};
  const res = issue
    ? await gitea(asApp(), route`/repos/${owner}/${repo}/issues/${issue}/comments`, { method: 'POST', body: JSON.stringify({ body: text }) })
    : await gitea(asApp(), route`/repos/${owner}/${repo}/issues?state=open`);
  return { statusCode: res.status, headers: { 'content-type': ['application/json'] }, body: await res.text() };
}

const define = new Resolver();

/** Comments as the user who is present. */
define.define('comment', async ({ payload: { owner, repo, issue, text } }) => {
  const res = await gitea(asUser(), route`/repos/${owner}/${repo}/issues/${issue}/comments`, { method: 'POST', body: JSON.stringify({ body: text }) });
  return { status: res.status, ...(await res.json()) };
});

/** Asks for whatever it is told to, so that a test can see what is refused. */
define.define('ask', async ({ payload: { method, path, body, headers } }) => {
  const init = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const { assumeTrustedRoute } = await import('@annex/api');
  const res = await gitea(asUser(), assumeTrustedRoute(path), init);
  return { status: res.status, text: await res.text() };
});

export const resolver = define.getDefinitions();
