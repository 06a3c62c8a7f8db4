// A gadget: how far the project is.
import { columns, el, issuesOf } from './issues.js';

export async function show(root, context) {
  const issues = await issuesOf(context.extension.project?.key ?? 'DEMO');
  const count = (name) => issues.filter((i) => i.status === name).length;
  const done = Math.round((100 * count('Done')) / Math.max(issues.length, 1));
  const bar = el('progress', { max: '100', value: String(done), 'aria-label': 'Done' });
  root.replaceChildren(el('p', { class: 'big' }, `${done} %`), bar, el('p', { class: 'quiet' }, columns.map((c) => `${c}: ${count(c)}`).join(' · ')));
}
