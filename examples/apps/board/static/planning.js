// The board: drag an issue, or use its menu, and it moves in the product.
import { invoke, router, showFlag } from '/_annex/sdk.js';
import { columns, el, issuesOf, move } from './issues.js';

export async function show(root, context) {
  const project = context.extension.project.key;
  let [issues, points] = await Promise.all([issuesOf(project), invoke('estimates')]);

  async function moveTo(key, status) {
    const issue = issues.find((i) => i.key === key);
    if (!issue || issue.status === status) return;
    const before = issue.status;
    issue.status = status;
    draw();
    try {
      await move(key, status);
      showFlag({ id: `moved-${key}`, type: 'success', title: `${key} is in ${status}`, isAutoDismiss: true, actions: [{ text: 'Undo', onClick: () => moveTo(key, before) }] });
    } catch (e) {
      issue.status = before;
      draw();
      showFlag({ id: `moved-${key}`, type: 'error', title: `${key} did not move`, description: e.message });
    }
  }

  const card = (issue) => el('li', { class: 'issue', draggable: 'true', ondragstart: (e) => e.dataTransfer.setData('text/plain', issue.key) },
    el('button', { class: 'link', type: 'button', onclick: () => router.navigate(`/browse/${issue.key}`) }, issue.summary),
    el('p', { class: 'meta' }, el('span', { class: `type ${issue.type.toLowerCase()}` }, issue.type), ` ${issue.key} `,
      points[issue.key] ? el('span', { class: 'points', title: 'points' }, String(points[issue.key])) : ''),
    el('label', {}, el('span', { class: 'unseen' }, `Column of ${issue.key}`),
      el('select', { onchange: (e) => moveTo(issue.key, e.target.value) }, ...columns.map((c) => el('option', { selected: c === issue.status }, c)))));

  function draw() {
    root.replaceChildren(el('div', { class: 'board' }, ...columns.map((name) => {
      const here = issues.filter((i) => i.status === name);
      const sum = here.reduce((n, i) => n + (points[i.key] ?? 0), 0);
      return el('section', {
        'aria-label': name,
        ondragover: (e) => e.preventDefault(),
        ondrop: (e) => { e.preventDefault(); void moveTo(e.dataTransfer.getData('text/plain'), name); },
      }, el('h2', {}, name, ' ', el('span', { class: 'count' }, sum ? `${here.length} · ${sum} points` : String(here.length))), el('ul', {}, ...here.map(card)));
    })));
  }
  draw();
}
