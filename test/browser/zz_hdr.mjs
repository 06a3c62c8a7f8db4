import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { chromium } from 'playwright-core';
import { openProduct, atRest } from './people.js';
const access = JSON.parse(readFileSync('/tmp/annex/i5x/demo/demo.json'));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const context = await browser.newContext();
const page = await openProduct(context, { access }, 'alice', '/browse/DEMO-1');
await atRest(page);
const origins = [...new Set(page.frames().map((f) => f.url()).filter((u) => u.includes('.apps.localhost')))];
console.log(origins);
const u = new URL(origins[0]);
const get = (path, { method = 'GET', headers = {}, host = u.host } = {}) => new Promise((ok, no) => {
  const r = http.request({ host: '127.0.0.1', port: u.port, path, method, headers: { host, ...headers } }, (res) => { let b = []; res.on('data', (d) => b.push(d)); res.on('end', () => ok({ status: res.statusCode, h: res.headers, body: Buffer.concat(b) })); });
  r.on('error', no); r.end();
});
const must = ['content-security-policy', 'x-content-type-options', 'referrer-policy', 'permissions-policy', 'cross-origin-resource-policy', 'cross-origin-opener-policy', 'origin-agent-cluster', 'connection-allowlist'];
const first = await get(u.pathname);
console.log(first.status, first.h);
const asset = /src="([^"]+\.js)"/g; const srcs = [...first.body.toString().matchAll(asset)].map((m) => m[1]); console.log(srcs, first.body.toString().slice(0, 500));
const js = new URL(srcs.at(-1), u).pathname;
const a = await get(js); console.log(js, a.status, a.h);
const tries = [
  [u.pathname], ['/nothing'], ['/'], ['/index.html'], [js], [js, { headers: { 'if-none-match': a.h.etag } }], [js, { headers: { range: 'bytes=0-9' } }], [js, { headers: { range: 'bytes=99999999-' } }], [js, { headers: { range: 'bytes=0-1,3-4' } }],
  [js, { method: 'HEAD' }], [js, { method: 'POST' }], ['/', { method: 'OPTIONS' }], ['/', { method: 'PUT' }], ['/_annex/bridge.js'], ['/_annex/sdk.js'], ['/_annex/none'], ['/%2e%2e/%2e%2e/etc/passwd'], ['/%00'], ['/' + 'a'.repeat(9000)], [js, { headers: { 'service-worker': 'script' } }], [js, { headers: { 'accept-encoding': 'br' } }], [js, { headers: { 'accept-encoding': 'gzip', range: 'bytes=0-9' } }], ['//evil.example/'], ['/%'], ['/favicon.ico'], ['/robots.txt'],
  ['/', { host: 'ffffffffffffffffffffffffffffffff.apps.localhost:' + u.port }], ['/', { host: 'x.apps.localhost:' + u.port }], [js, { headers: { 'if-range': 'x', range: 'bytes=0-1' } }], [js, { headers: { cookie: 'a=b', authorization: 'x' } }],
];
for (const [path, o] of tries) {
  try {
    const r = await get(path, o);
    const lacks = must.filter((m) => !(m in r.h));
    console.log(r.status, (o?.method ?? 'GET'), path.slice(0, 50), JSON.stringify(o?.headers ?? o?.host ?? ''), 'lacks:', lacks.join(',') || '-', 'enc', r.h['content-encoding'] ?? '-', 'cc', r.h['cache-control'], r.h['content-range'] ?? '', r.body.length, r.h['set-cookie'] ?? '');
  } catch (e) { console.log('ERR', path.slice(0, 50), e.message); }
}
// malformed requests over a raw socket
for (const raw of [`GET / HTTP/1.1\r\nHost: ${u.host}\r\nHost: b\r\n\r\n`, `GET / HTTP/1.1\r\nHost: ${u.host}\r\nX: ${'a'.repeat(80000)}\r\n\r\n`, `BREW / HTTP/1.1\r\nHost: ${u.host}\r\nConnection: close\r\n\r\n`, `GET http://evil.example/ HTTP/1.1\r\nHost: ${u.host}\r\nConnection: close\r\n\r\n`]) {
  const out = await new Promise((ok) => { const s = net.connect(u.port, '127.0.0.1'); let b = ''; s.on('data', (d) => (b += d)); s.on('close', () => ok(b)); s.on('error', () => ok(b)); s.write(raw); setTimeout(() => s.destroy(), 3000); });
  console.log('RAW', raw.slice(0, 40).replace(/\r\n/g, '|'), '=>', out.slice(0, 60).replace(/\r\n/g, '|'), 'csp', /content-security-policy/i.test(out), /text\/html/i.test(out));
}
await browser.close();
