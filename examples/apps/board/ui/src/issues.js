// The product's issues, as the person who looks at the page.
import { requestProduct } from '/_annex/sdk.js';

async function json(path, init) {
  const res = await requestProduct('tracker', path, { headers: { accept: 'application/json', 'content-type': 'application/json' }, ...init });
  if (!res.ok) throw new Error(`The product answered ${res.status}.`);
  return res.status === 204 ? null : res.json();
}

export const columns = ['To Do', 'In Progress', 'Done'];

export async function issuesOf(project) {
  const { issues } = await json(`/rest/api/3/search?jql=${encodeURIComponent(`project = ${project}`)}&maxResults=100`);
  return issues.map(({ key, fields }) => ({ key, summary: fields.summary, status: fields.status.name, type: fields.issuetype.name }));
}

export async function move(key, status) {
  const { transitions } = await json(`/rest/api/3/issue/${key}/transitions`);
  const to = transitions.find((t) => t.to.name === status);
  await json(`/rest/api/3/issue/${key}/transitions`, { method: 'POST', body: JSON.stringify({ transition: { id: to.id } }) });
}
