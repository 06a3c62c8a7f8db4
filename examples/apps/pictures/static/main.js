// Images from where the customer says. A picture whose host is not allowed is not loaded:
// whoever is an admin of the site can be asked to allow it, here, and the page then loads
// again, under what was allowed.
import { checkPermissions, invoke, permissions, router, view } from '/_annex/sdk.js';

const root = document.getElementById('app');

function el(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [k, v] of Object.entries(props)) {
    if (k === 'onclick' || k === 'onsubmit') node.addEventListener(k.slice(2), v);
    else node.setAttribute(k, v);
  }
  node.append(...children);
  return node;
}

const said = el('p', { role: 'status' });
const say = (text, bad) => { said.textContent = text; said.className = bad ? 'alert' : 'quiet'; };

// allow has an admin decide. Who is none is told so by the platform, and whom to ask.
async function allow(host) {
  say('');
  try {
    const answer = await permissions.egress.requestDomains([host], { types: ['IMAGES'], purpose: 'To show pictures that people add to issues.' });
    if (!answer) return say(`An admin did not allow ${host}.`, true);
    router.reload();
  } catch (e) {
    say(e.code === 'ADMIN_REQUIRED' ? `${host} is not allowed yet. An admin of this site can allow it here.` : e.message, true);
  }
}

async function picture(url) {
  const { host } = new URL(url);
  const { granted } = await checkPermissions({ external: { images: [host] } });
  const gone = el('button', { type: 'button', 'aria-label': `Remove ${url}`, onclick: async () => draw(await invoke('remove', { url })) }, 'Remove');
  if (granted) return el('li', {}, el('img', { src: url, alt: `Picture from ${host}` }), gone);
  return el('li', {}, el('span', {}, host), el('p', { class: 'quiet' }, 'Not shown: pictures from there are not allowed.'),
    el('button', { type: 'button', onclick: () => allow(host) }, 'Ask to allow'), gone);
}

async function draw(all) {
  const field = el('input', { type: 'url', name: 'url', required: '', placeholder: 'https://pictures.example.com/one.png' });
  const form = el('form', {
    async onsubmit(e) {
      e.preventDefault();
      say('');
      try {
        draw(await invoke('add', { url: field.value }));
      } catch (x) {
        say(x.message, true);
      }
    },
  }, el('label', {}, 'Address of a picture', field), el('button', {}, 'Add'));
  root.replaceChildren(all.length ? el('ul', {}, ...(await Promise.all(all.map(picture)))) : el('p', { class: 'quiet' }, 'No pictures yet.'), form, said);
}

await view.theme.enable();
await draw(await invoke('pictures'));
