// How large an issue is: the app's own data, one number for each issue.
import { events, invoke } from '/_annex/sdk.js';
import { el } from './issues.js';

export async function show(root) {
  let now = await invoke('estimate');
  const said = el('p', { class: 'quiet', role: 'status' });

  async function pick(points) {
    now = await invoke('setEstimate', { points });
    draw();
    await events.emit('estimated', now);
  }

  function draw() {
    said.textContent = now ? `${now.points} points, says ${now.by}.` : 'Nobody has said how large this is.';
    root.replaceChildren(el('div', { class: 'points-row', role: 'group', 'aria-label': 'Points' },
      ...[1, 2, 3, 5, 8, 13].map((n) => el('button', { type: 'button', class: 'point', 'aria-pressed': String(now?.points === n), onclick: () => pick(n) }, String(n)))), said);
  }
  draw();
}
