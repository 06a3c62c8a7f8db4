// host.js: what a product adds to its pages to have apps in them.
//
//   <script src="https://ui.example/host.js"></script>
//   <annex-panel token="…"></annex-panel>      one place, as many apps as there are for it
//   <annex-page token="…"></annex-page>        a whole page
//
// The token is signed by the product's back end and says everything: user, site, place. The
// page adds how it looks: theme ("light", "dark", "auto"), min-height, max-height and reserve, the
// room that is kept until it is known how much is taken, in pixels. The element makes a frame of the platform's and speaks with that one frame, of
// that one origin, over a port of its own.
import { showFlag, closeFlag } from './flags.js';
import { calm, showAsk } from './asks.js';
import { openDialog } from './dialogs.js';
import { keepRoom, keptRoom } from './room.js';
import { css, placeOf, productOf } from './small.js';

const ui = new URL(document.currentScript.src).origin;
const page = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');

const style = css(':host{display:block;min-width:0}:host([hidden]){display:none}iframe{display:block;width:100%;border:0;background:transparent}');

const panels = new Set();

class AnnexPanel extends HTMLElement {
  static observedAttributes = ['token', 'theme', 'min-height', 'max-height', 'reserve'];
  #root = this.attachShadow({ mode: 'closed' }); // no frame beside it can name this one
  #frame = null;
  #port = null;
  #wanted = null; // until the frame says it
  #room = undefined; // what was taken the last time
  #width = 0;
  #full = this.localName === 'annex-page';
  #asked = []; // who waits for another token than the frame

  connectedCallback() {
    panels.add(this);
    this.#root.adoptedStyleSheets = [style];
    this.#open();
  }

  disconnectedCallback() {
    panels.delete(this);
    this.#close();
  }

  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === 'token') {
      if (now && this.#asked.length) this.#asked.shift()(now);
      else if (this.#port && now) this.#port.postMessage({ kind: 'token', token: now });
      else this.#open();
    } else if (name === 'theme') {
      this.#port?.postMessage({ kind: 'theme', theme: this.#theme() });
      this.#dress();
    } else {
      this.#size();
    }
  }

  #theme() {
    const t = this.getAttribute('theme');
    return t === 'light' || t === 'dark' ? t : 'auto';
  }

  // A frame whose scheme is another's than its document's would be opaque.
  #dress() {
    const t = this.#theme();
    if (this.#frame) this.#frame.style.colorScheme = t === 'auto' ? 'light dark' : t;
  }

  #open() {
    this.#close();
    const token = this.getAttribute('token');
    const product = productOf(token);
    if (!product) return;
    const frame = (this.#frame = document.createElement('iframe'));
    frame.title = this.getAttribute('aria-label') || (this.#full ? 'App' : 'Apps');
    frame.referrerPolicy = 'no-referrer';
    frame.src = `${ui}/shell?product=${encodeURIComponent(product)}`;
    frame.addEventListener('load', () => this.#meet(frame, token), { once: true });
    this.#wanted = null;
    this.#width = this.clientWidth;
    this.#room = this.#full ? undefined : keptRoom(this.#name(), this.#width);
    this.setAttribute('aria-busy', 'true');
    this.#root.replaceChildren(frame);
    this.#dress();
    this.#size();
  }

  // The places of one kind on a page are told apart by their order.
  #name() {
    const place = (panel) => `${productOf(panel.getAttribute('token'))} ${placeOf(panel.getAttribute('token'))}`;
    const mine = place(this);
    const before = [...panels].filter((p) => p !== this && place(p) === mine && p.compareDocumentPosition(this) & Node.DOCUMENT_POSITION_FOLLOWING);
    return `${mine} ${before.length}`;
  }

  // #settled: the apps' views have come to rest.
  #settled(views) {
    this.removeAttribute('aria-busy');
    if (views && !this.#full) keepRoom(this.#name(), this.#width, this.offsetHeight, views); // none where the page hides it
  }

  #meet(frame, token) {
    if (frame !== this.#frame) return;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#hear(data);
    frame.contentWindow.postMessage({
      annex: 'panel', page, token, theme: this.#theme(), full: this.#full, path: this.#full ? decodeURI(location.hash.slice(1)) : '', room: this.#room?.views,
    }, ui, [port2]);
  }

  #close() {
    this.#port?.close();
    this.#port = null;
    this.#frame = null;
    this.removeAttribute('aria-busy');
    this.#root.replaceChildren();
  }

  #number(name, otherwise) {
    const n = Number.parseInt(this.getAttribute(name) ?? '', 10);
    return Number.isFinite(n) && n >= 0 ? Math.min(n, 20_000) : otherwise;
  }

  #size() {
    if (!this.#frame) return;
    const least = this.#number('min-height', this.#full ? 320 : 0);
    const height = this.#wanted ?? this.#room?.height ?? this.#number('reserve', 96);
    const px = Math.min(Math.max(height, least), this.#number('max-height', 20_000));
    this.#frame.style.height = `${px}px`;
    this.toggleAttribute('empty', px === 0); // so that a page leaves out what it has around it
  }

  // The platform's frame asks; what it can ask for is this list.
  #hear(m) {
    const acts = {
      height: () => { this.#wanted = Math.ceil(m.height) || 96; this.#size(); },
      settled: () => this.#settled(m.views),
      title: () => { if (this.#frame) this.#frame.title = String(m.title); },
      state: () => this.#tell('annex-state', { state: m.state, modules: m.modules }),
      expired: () => this.#tell('annex-expired'),
      submit: () => this.#port?.postMessage({ kind: 'answer', id: m.id, result: !this.#tell('annex-submit', { value: m.value, type: m.type }) }),
      close: () => this.#port?.postMessage({ kind: 'answer', id: m.id, result: !this.#tell('annex-close', { value: m.value, type: m.type }) }),
      refresh: () => { if (this.#tell('annex-refresh', { value: m.value })) location.reload(); },
      flag: () => showFlag(m.flag, (index) => this.#port?.postMessage({ kind: 'flagAction', key: m.flag.key, index })),
      closeFlag: () => closeFlag(m.key),
      ask: () => void this.#ask(m),
      dialog: async () => { await calm(); openDialog({ ui, page, product: productOf(this.getAttribute('token')), theme: this.#theme(), dialog: m.dialog }); },
      navigate: () => this.#navigate(m),
      windowTitle: () => { if (this.#full) document.title = String(m.title); },
      history: () => this.#history(m),
    };
    if (typeof m === 'object' && m !== null && Object.hasOwn(acts, m.kind)) acts[m.kind]();
  }

  // An app asks for something that an admin decides. The page in which that happens asks for
  // who is in front of it, by a token of its own, when it opens and when it is decided.
  async #ask({ id, ticket, label }) {
    if (typeof ticket !== 'string') return;
    await showAsk({
      ui, ticket, label: String(label || 'Annex'), product: productOf(this.getAttribute('token')), theme: this.#theme(), token: () => this.#fresh(),
      still: (on) => { for (const p of panels) if (p.#frame) p.#frame.inert = on; },
    });
    this.#port?.postMessage({ kind: 'answer', id, result: true });
  }

  // #fresh has the product's page put another token on the element, as it does when one is
  // over, and keeps it from the frame.
  #fresh() {
    return new Promise((resolve, reject) => {
      const take = (token) => { clearTimeout(timer); resolve(token); };
      const timer = setTimeout(() => {
        this.#asked = this.#asked.filter((f) => f !== take);
        reject(new Error('no token'));
      }, 15_000);
      this.#asked.push(take);
      this.#tell('annex-expired', { for: 'ask' });
    });
  }

  // #tell reports whether nobody in the page took the matter in hand.
  #tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  // Places of the product itself, and nothing else: other hosts are asked about in a dialog.
  #navigate({ id, to, place, tab, ask }) {
    let url = null;
    if (place) {
      const detail = { place, url: null };
      this.#tell('annex-place', detail);
      url = detail.url;
    } else {
      url = to;
    }
    try {
      url = url && new URL(url, location.origin);
    } catch {
      url = null;
    }
    const ok = url?.origin === location.origin;
    this.#port?.postMessage({ kind: 'answer', id, result: ok ? url.href : null });
    if (!ok || ask) return;
    if (tab) window.open(url.href, '_blank', 'noopener');
    else location.assign(url.href);
  }

  #history({ action, to, by }) {
    if (!this.#full) return;
    if (action === 'GO') history.go(by);
    else history[action === 'PUSH' ? 'pushState' : 'replaceState'](null, '', `#${to}`);
    if (this.#watching) return;
    this.#watching = true;
    addEventListener('popstate', () => this.#port?.postMessage({ kind: 'history', path: decodeURI(location.hash.slice(1)) }));
  }

  #watching = false;
}

class AnnexPage extends AnnexPanel {}

if (!customElements.get('annex-panel')) {
  customElements.define('annex-panel', AnnexPanel);
  customElements.define('annex-page', AnnexPage);
}
