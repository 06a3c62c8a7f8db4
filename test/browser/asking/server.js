// A product's page, the platform's page for decisions as it is built and served, and a frame
// of an app, on three origins of three sites. Only what the pages are told is made up here,
// so that a test can ask for anything, and hold any answer back.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const dist = join(root, 'internal/assets/dist');
const page = readFileSync(join(root, 'internal/edge/ask/pages/ask.html'), 'utf8');
const token = `x.${Buffer.from('{"iss":"tracker"}').toString('base64url')}.x`;

const split = (domain) => {
  if (domain === '*') return { domain, any: true };
  const [, scheme, star, host, after] = /^(\w+:\/\/)?(\*\.)?([^:/]+)(.*)$/.exec(domain);
  const labels = host.split('.');
  return { domain, before: `${scheme ?? ''}${star ?? ''}${labels.length > 2 ? `${labels.slice(0, -2).join('.')}.` : ''}`, registrable: labels.slice(-2).join('.'), after, ...(star && { wild: true }) };
};
const far = ['SCRIPTS', 'STYLES', 'FRAMES'];
export const items = (...pairs) => pairs.map(([domain, type], index) => ({ index, ...split(domain), type, words: '', ticked: domain !== '*' && !far.includes(type), broad: domain === '*' || far.includes(type) }));
export const line = (domain, ...types) => ({ ...split(domain), types });
export const remote = (url, more) => ({ index: 0, ...split(url), ticked: true, broad: Boolean(more.private), words: '', remote: { key: 'logs', name: 'Log server', old: '', new: url, ...more } });
export const types = ['FETCH_BACKEND_SIDE', 'FETCH_CLIENT_SIDE', 'IMAGES', 'MEDIA', 'FONTS', 'SCRIPTS', 'STYLES', 'FRAMES'];
export const question = (more = {}) => ({
  site: 'Acme', product: 'Tracker', person: 'Alice', shown: {
    app: 'Image board', publisher: 'Alice Example', version: '1.4.0', site: 'site', choose: false, stepUp: false, have: [], digest: 'd1',
    items: items(['images.example.com', 'IMAGES']), messages: [{ text: 'To show the pictures of your shop.' }], ...more,
  },
});

export async function serve() {
  const state = { shown: question(), decided: [], tokens: 0, problem: null, decideProblem: null, settled: false, windows: 0, requests: [] };
  const html = (res, text, csp) => { res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...(csp && { 'content-security-policy': csp }) }); res.end(text); };
  const listen = (handler) => new Promise((resolve) => {
    const s = createServer(handler).listen(0, '127.0.0.1', () => resolve(s));
  });
  const origins = {};

  const app = await listen((req, res) => html(res, '<!doctype html><title>app</title><input id="field" autofocus><script>window.keys=[];addEventListener("keydown",(e)=>keys.push(e.key));setInterval(()=>{ if (window.greedy) { focus(); document.getElementById("field").focus(); } }, 20)</script>'));
  const policy = () => "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'none'; child-src 'none'; worker-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    + `require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors ${origins.product}`;
  const ui = await listen((req, res) => {
    const url = new URL(req.url, origins.ui);
    const json = (v, status = 200) => { res.writeHead(status, { 'content-type': 'application/json' }); res.end(JSON.stringify(v)); };
    const file = (name, type) => { res.writeHead(200, { 'content-type': type }); res.end(readFileSync(join(dist, name))); };
    if (url.pathname === '/host.js') return file('host.js', 'text/javascript');
    if (url.pathname === '/ask/static/ask.js') return file('ask.js', 'text/javascript');
    if (url.pathname === '/ask/static/ask.css') return file('ask.css', 'text/css');
    if (url.pathname === '/shell') {
      return html(res, `<!doctype html><title>shell</title><body><iframe src="${origins.app}/"></iframe><script>
        let n = 1; const wait = new Map();
        addEventListener('message', (e) => { if (!e.ports.length) return; self.port = e.ports[0]; self.meant = e.data;
          port.onmessage = ({ data }) => { if (data.kind === 'answer') wait.get(data.id)?.(data.result); }; });
        self.ask = (ticket) => new Promise((r) => { wait.set(n, r); port.postMessage({ kind: 'ask', id: n++, ticket, label: 'Image board asks for a decision' }); });
        self.dialog = () => port.postMessage({ kind: 'dialog', dialog: { id: 'x', size: 'max', label: 'app' } });
        self.flag = () => port.postMessage({ kind: 'flag', flag: { key: 'k', id: 'k', title: 'A flag of the app', from: 'by x', dismiss: 'Dismiss' } });
      </script>`);
    }
    if (url.pathname === '/ask/modal' || url.pathname === '/ask/window') {
      const facts = url.pathname === '/ask/modal' ? { as: 'modal', origins: [origins.product], product: 'Tracker' }
        : url.searchParams.get('as') === 'start' ? { as: 'start', go: '/ask/window?as=window', person: 'Alice', product: 'Tracker' } : { as: 'window', decision: 'x', form: 'x', items: state.ticked ?? null };
      return html(res, page.replace('{{.Facts}}', () => JSON.stringify(facts)), policy());
    }
    let body = '';
    req.on('data', (d) => (body += d));
    req.on('end', () => {
      state.requests.push({ method: req.method, path: url.pathname, body });
      const answer = {
        '/ask/open': () => (state.problem ? json({ error: state.problem }, 403) : json(state.shown)),
        '/ask/window/open': () => json(state.shown),
        '/ask/decide': () => { if (state.decideProblem) return json({ error: state.decideProblem }, 409); state.decided.push(JSON.parse(body)); return json({ decided: true }); },
        '/ask/window/decide': () => { state.decided.push(JSON.parse(body)); return json({ decided: true }); },
        '/ask/step': () => { state.windows++; return json({ url: `${origins.ui}/ask/window?as=start` }); },
        '/ask/settled': () => json({ settled: state.settled }),
      }[url.pathname];
      if (answer && req.method === 'POST') return answer();
      res.writeHead(404);
      return res.end();
    });
  });
  const product = await listen((req, res) => html(res, `<!doctype html><html lang="en"><title>Tracker</title><meta name="viewport" content="width=device-width,initial-scale=1"><body style="margin:0;font:16px system-ui;background:#eef1f7"><h1 style="padding:1rem">DEMO-1 Search forgets what I typed</h1><annex-panel token="${token}"></annex-panel>
    <script>addEventListener('annex-expired', ({ target }) => { window.asked = (window.asked ?? 0) + 1; if (!window.mute) target.setAttribute('token', ${JSON.stringify(token)} + window.asked); });</script>
    <script src="${origins.ui}/host.js"></script>`));
  const at = (s, host) => `http://${host}:${s.address().port}`;
  Object.assign(origins, { app: at(app, 'evil.apps.localhost'), ui: at(ui, 'annex.localhost'), product: at(product, 'tracker.localhost') });
  return { state, origins, stop: () => { for (const s of [app, ui, product]) { s.closeAllConnections(); s.close(); } } };
}
