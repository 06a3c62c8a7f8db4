// A page with the policy of a shell that draws a UI Kit tree: scripts and styles from
// its own origin alone, and no way for a text to become markup or script.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'internal', 'assets', 'dist');

export const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>UI Kit</title>
<link rel="stylesheet" href="/kit.css"><link rel="stylesheet" href="/page.css"><main id="app"></main><script type="module" src="/page.js"></script></html>`;

// The page's own script: it mounts a tree, and keeps what the tree sent.
const script = `
import { mount } from '/kit.js';
window.sent = [];
window.violations = [];
window.went = [];
document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.effectiveDirective + ' ' + e.blockedURI + ' ' + e.sample));
window.start = (tree, options = {}) => {
  const people = [{ accountId: 'u-alice', displayName: 'Alice Meyer' }, { accountId: 'u-bob', displayName: 'Bob Tran' }];
  window.kit = mount(document.getElementById('app'), {
    send(handle, args) { window.sent.push({ event: window.sent.length + 1, handle, args }); window.onsent?.(window.sent.length, handle, args); return window.sent.length; },
    locale: 'en-GB', timezone: 'UTC', theme: 'auto',
    assetURL: (path) => (path === 'picture.svg' || path === 'resource:main;picture.svg' ? '/picture.svg' : null),
    frame(resource) { const f = document.createElement('div'); f.textContent = 'Frame of ' + resource; return f; },
    navigate(url, how) { window.went.push([url, how.newTab]); },
    config(values) { window.configured = values; },
    report(error, type) { (window.reports ??= []).push(type + ': ' + error.stack); },
    users: { get: async (ids) => people.filter((p) => ids.includes(p.accountId)), search: async (text) => people.filter((p) => p.displayName.toLowerCase().includes(text.toLowerCase())) },
    ...options,
  });
  window.kit.apply({ seq: 1, tree });
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
};
window.apply = (...messages) => { messages.forEach((m) => window.kit.apply(m)); return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); };
window.ready = true;
`;

const files = {
  '/': ['text/html', page],
  '/page.js': ['text/javascript', script],
  '/favicon.ico': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  '/page.css': ['text/css', 'html { color-scheme: light dark; background: light-dark(#ffffff, #1a202d); } body { margin: 0; padding: 16px; }'],
  '/picture.svg': ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90"><rect width="160" height="90" fill="#4a7"/><circle cx="45" cy="45" r="28" fill="#fff"/></svg>'],
};

/** serve answers the page's address, what was asked for besides its files, and a way to end. */
export async function serve() {
  const asked = [];
  const server = createServer((req, res) => {
    const path = new URL(req.url, 'http://x').pathname;
    const file = files[path] ?? (path === '/kit.js' ? ['text/javascript', readFileSync(join(dist, 'kit.js'))] : path === '/kit.css' ? ['text/css', readFileSync(join(dist, 'kit.css'))] : null);
    if (!file) {
      asked.push(`${req.headers.host}${req.url}`);
      res.writeHead(404, { 'content-security-policy': policy }).end();
      return;
    }
    res.writeHead(200, { 'content-type': file[0], 'content-security-policy': policy, 'cache-control': 'no-store' }).end(file[1]);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, port: server.address().port, asked, stop: () => { server.closeAllConnections(); server.close(); } };
}
