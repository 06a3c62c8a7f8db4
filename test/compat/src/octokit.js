// octokit: an authenticated request, pagination, an error's status
import assert from 'node:assert/strict';
import { Octokit } from 'octokit';
export async function run() {
  const octokit = new Octokit({ auth: 'gh-token' });
  const { data } = await octokit.rest.users.getAuthenticated();
  assert.equal(data.login, 'alice');
  const all = await octokit.paginate('GET /user/repos', { per_page: 1 });
  assert.deepEqual(all.map((r) => r.name), ['one', 'two']);
  const err = await octokit.request('GET /nothing').catch((e) => e);
  assert.equal(err.status, 404);
}
