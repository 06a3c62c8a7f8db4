// One page for three places: which one it is, the host says.
import { view } from '/_annex/sdk.js';

const places = { board: './planning.js', estimate: './estimate.js', progress: './progress.js' };

await view.theme.enable();
const context = await view.getContext();
const root = document.getElementById('app');
try {
  const place = await import(places[context.moduleKey]);
  await place.show(root, context);
} catch (e) {
  const text = document.createElement('p');
  text.className = 'alert';
  text.setAttribute('role', 'alert');
  text.textContent = e.message;
  root.replaceChildren(text);
}
