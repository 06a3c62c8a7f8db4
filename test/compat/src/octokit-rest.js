// @octokit/rest: a typed endpoint
import assert from 'node:assert/strict';
import { Octokit } from '@octokit/rest';
export async function run() {
  const { data } = await new Octokit({ auth: 'gh-token' }).rest.repos.listForAuthenticatedUser({ per_page: 1 });
  assert.equal(data[0].name, 'one');
}
