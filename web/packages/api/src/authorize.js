// Questions about what the user who is present may do, which apps ask before they write as
// themselves. The product answers them, as that user: the same gate and consent as for
// any request.
import { HttpError } from '@annex/runtime/errors';
import { notOffered } from '@annex/runtime/faults';
import { asUser } from './product.js';
import { route } from './route.js';

/**
 * The permissions that the user has, of those asked for.
 * @param {{permissions: string[], projects?: (string|number)[], issues?: (string|number)[]}[]} asked
 * @returns {Promise<{permission: string, projects?: number[], issues?: number[]}[]>}
 */
async function onJira(asked) {
  const res = await asUser().requestJira(route`/rest/api/3/permissions/check`, { method: 'POST', body: JSON.stringify({ projectPermissions: asked }) });
  if (!res.ok) throw new HttpError(`the product answered ${res.status}`, { status: res.status, statusText: res.statusText, code: 'PRODUCT_ANSWER', body: await res.text() });
  return (await res.json()).projectPermissions ?? [];
}

const questions = {
  canAddComments: 'ADD_COMMENTS', canAssign: 'ASSIGN_ISSUES', canCreate: 'CREATE_ISSUES', canDelete: 'DELETE_ISSUES', canEdit: 'EDIT_ISSUES', canMove: 'MOVE_ISSUES',
  canRead: 'BROWSE_PROJECTS', canResolve: 'RESOLVE_ISSUES', canTransition: 'TRANSITION_ISSUES', canUpdate: 'EDIT_ISSUES', canView: 'BROWSE_PROJECTS',
};
const others = ['canArchive', 'canExport', 'canPurge', 'canRestore'];

// on gives the questions about things of a kind; yes is said of all of them or not at all.
function on(member, kind) {
  return (ids) => {
    const all = [ids].flat().map(String);
    const ask = async (permission) => {
      const found = (await onJira([{ permissions: [permission], [kind]: all }])).find((p) => p.permission === permission)?.[kind] ?? [];
      return all.length > 0 && all.every((id) => found.map(String).includes(id));
    };
    return Object.freeze({
      ...Object.fromEntries(Object.entries(questions).map(([name, permission]) => [name, () => ask(permission)])),
      ...unbuilt(member, others),
    });
  };
}

const unbuilt = (member, names) => Object.freeze(Object.fromEntries(names.map((m) => [m, notOffered(`authorize().${member}.${m}`)])));
const every = [...Object.keys(questions), ...others];

const authority = Object.freeze({
  onJira,
  onJiraProject: on('onJiraProject', 'projects'),
  onJiraIssue: on('onJiraIssue', 'issues'),
  onConfluence: notOffered('authorize().onConfluence'),
  onConfluenceContent: () => unbuilt('onConfluenceContent', every),
  onConfluenceSpace: () => unbuilt('onConfluenceSpace', every),
});

/** Questions about what the user who is present may do; those of Confluence are not offered. */
export function authorize() { return authority; }
