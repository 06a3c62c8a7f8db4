// /shell: the apps of one place in a product's page, or one dialog over it. It is handed
// what it is for by the product's page, whose origin has to be one that the product declared.
import { announce, resolved, wear } from './relay.js';
import { runDialog } from './dialog.js';
import { runPanel } from './panel.js';

const facts = JSON.parse(document.getElementById('facts').textContent);

addEventListener('message', function meet(e) {
  const m = e.data;
  if (e.source !== parent || parent === self || !facts.origins.includes(e.origin) || e.ports.length !== 1) return;
  if (m?.annex !== 'panel' && m?.annex !== 'dialog') return;
  removeEventListener('message', meet);
  const [port] = e.ports;
  wear(m.theme);
  document.documentElement.dataset.shown = m.annex;
  if (m.annex === 'panel') runPanel({ facts, given: m, port, announce, resolved });
  else runDialog({ facts, given: m, port });
});
