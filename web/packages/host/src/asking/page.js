// /ask/modal and /ask/window: an admin decides what an app asks for. The first is framed by
// the product's page and handed what it shows by that page; the second is a window of its
// own, after a fresh sign-in.
import { el } from '../small.js';
import { wear } from '../relay.js';
import { arm } from './arm.js';
import { mark, review } from './review.js';
import { say, speak } from './texts.js';

const facts = JSON.parse(document.getElementById('facts').textContent);
const main = document.getElementById('ask');
document.documentElement.dataset.as = facts.as;
wear('auto');
speak(navigator.language);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => wear(theme));
let theme = 'auto';

class Refused extends Error {
  constructor(e = {}) {
    super(e.message ?? say('unreachable'));
    this.code = e.code ?? 'UNREACHABLE';
    this.fix = e.fix;
  }
}

async function post(path, body) {
  let res, out;
  try {
    res = await fetch(path, { method: 'POST', cache: 'no-store', redirect: 'error', credentials: facts.as === 'modal' ? 'omit' : 'same-origin', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    out = await res.json();
  } catch {
    throw new Refused();
  }
  if (!res.ok) throw new Refused(out.error);
  return out;
}

function problem(e, end) {
  const again = end && el('button', { type: 'button', 'data-annex-close': '', onclick: end }, say('cancel'));
  notice(say('problem'), [e.message, e.fix], again, 'alert');
  again?.focus();
}

function notice(title, texts, action, role = 'status') {
  main.removeAttribute('aria-busy');
  main.className = 'notice';
  main.replaceChildren(el('div', { role }, el('p', { class: 'top' }, mark()), el('h1', { tabindex: '-1' }, title), ...texts.filter(Boolean).map((t) => el('p', {}, t))), ...(action ? [el('div', { class: 'actions' }, action)] : []));
}

const pages = {
  // Only the page that frames this one is heard, only from an origin that the product
  // declared, and only once.
  modal() {
    if (parent === self) return problem(new Refused({ message: say('nobody'), fix: say('nobodyFix') }));
    addEventListener('message', function meet(e) {
      if (!e.isTrusted || e.source !== parent || !facts.origins.includes(e.origin) || e.data?.annex !== 'ask' || e.ports.length !== 1 || typeof e.data.ticket !== 'string') return;
      removeEventListener('message', meet);
      theme = e.data.theme;
      wear(theme);
      void framed(e.data.ticket, e.ports[0]);
    });
  },
  start() {
    if (opener) return problem(new Refused({ message: say('opener') }));
    const go = el('button', { type: 'button', class: 'primary', 'data-annex-sign-in': '' }, say('startGo', { product: facts.product }));
    notice(say('startTitle'), [say('startText', { product: facts.product, person: facts.person }), say('startStop')], go);
    arm(go, () => location.assign(facts.go), { seen: [go] });
  },
  async window() {
    if (opener) return problem(new Refused({ message: say('opener') }));
    const ours = { decision: facts.decision, form: facts.form };
    try {
      const shown = await post('/ask/window/open', ours);
      review(main, shown, {
        far: true, ticked: facts.items ?? null,
        async decide({ approve, items, block }) {
          try {
            await post('/ask/window/decide', { ...ours, digest: shown.shown.digest, approve, items, block });
            notice(say(approve ? 'done' : 'declined'), [say(approve ? 'doneText' : 'declinedText')]);
            main.dataset.annexDecided = approve ? 'allowed' : 'declined';
          } catch (e) {
            problem(e);
          }
        },
        step() {},
      });
    } catch (e) {
      problem(e);
    }
  },
  problem() { problem(new Refused(facts.error)); },
};

async function framed(ticket, port) {
  const waiting = new Map();
  let next = 1;
  port.onmessage = ({ data: m }) => {
    if (typeof m !== 'object' || m === null) return;
    if (m.kind === 'token' && waiting.has(m.id)) {
      waiting.get(m.id)(m.token);
      waiting.delete(m.id);
    } else if (m.kind === 'closing') dismiss();
    else if (m.kind === 'moved') drawn?.reset();
  };
  // A frame behind this page can take the focus, whatever the page around both does.
  addEventListener('blur', () => port.postMessage({ kind: 'lost' }));
  let drawn;
  // user asks the product's page to have its back end say once more who is in front of it.
  const user = () => new Promise((resolve, reject) => {
    const id = next++;
    waiting.set(id, (token) => (typeof token === 'string' && token ? resolve(token) : reject(new Refused({ message: say('nobody'), fix: say('nobodyFix') }))));
    port.postMessage({ kind: 'token', id });
  });
  let poll;
  const end = () => {
    clearInterval(poll);
    port.postMessage({ kind: 'end' });
  };
  let dismiss = end;
  new ResizeObserver(() => port.postMessage({ kind: 'height', height: height() })).observe(document.body);

  const cancel = el('button', { type: 'button', onclick: end }, say('decline'));
  main.className = 'notice';
  main.replaceChildren(el('p', { role: 'status' }, say('wait')), el('div', { class: 'actions' }, cancel));
  cancel.focus();
  try {
    const shown = await post('/ask/open', { ticket, user: await user() });
    const decide = async ({ approve, items, block }) => {
      try {
        await post('/ask/decide', { ticket, user: await user(), digest: shown.shown.digest, approve, items, block });
        end();
      } catch (e) {
        if (approve) problem(e, end);
        else end(); // nothing was changed, and nothing will be
      }
    };
    dismiss = () => void decide({ approve: false, items: [], block: false });
    drawn = review(main, shown, {
      decide, close: true,
      async step(items) {
        try {
          const { url } = await post('/ask/step', { ticket, user: await user(), items });
          window.open(url, '_blank', 'noopener');
          drawn.waiting(say('waiting'));
          clearInterval(poll);
          poll = setInterval(() => void post('/ask/settled', { ticket, at: shown.shown.site }).then(({ settled }) => { if (settled) end(); }, () => {}), 1000);
        } catch (e) {
          problem(e, end);
        }
      },
    });
    port.postMessage({ kind: 'title', title: document.title });
    new ResizeObserver(() => port.postMessage({ kind: 'height', height: height() })).observe(main);
    port.postMessage({ kind: 'height', height: height() });
  } catch (e) {
    problem(e, end);
  }
}

// height is what the whole of it would take, with nothing to scroll.
function height() {
  const body = main.querySelector('.body');
  return Math.ceil(main.scrollHeight + (body ? body.scrollHeight - body.clientHeight : 0));
}

void pages[facts.as]?.();
