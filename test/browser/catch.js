// Servers that catch what leaves a browser: HTTPS and its TLS handshakes, DNS, and UDP
// (STUN, QUIC). Everything of one attempt goes to a host name of its own, so that what is
// caught tells who sent it.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const domain = 'catch.example';
const nameserver = '127.0.53.1';
const slow = Number(process.env.EXFIL_SLOW ?? 0); // milliseconds that a handshake takes: what is lost on a busy machine is lost then

export async function catchAll() {
  const dir = mkdtempSync(join(tmpdir(), 'annex-catch-'));
  const file = (name) => join(dir, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', file('key'), '-out', file('cert'),
    '-subj', `/CN=*.${domain}`, '-addext', `subjectAltName=DNS:*.${domain}`], { stdio: 'ignore' });

  const hits = new Map(); // host name → what was caught
  const note = (host, what) => {
    host = String(host).toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
    if (!host.endsWith('.' + domain)) return;
    const seen = hits.get(host) ?? [];
    seen.push(what);
    hits.set(host, seen);
  };

  const web = createServer({ key: readFileSync(file('key')), cert: readFileSync(file('cert')), SNICallback: (name, done) => (note(name, 'tls'), void setTimeout(done, slow, null)) }, (req, res) => {
    note(req.headers.host, `${req.method} ${req.url}`);
    res.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'content-type': req.url.endsWith('.js') ? 'text/javascript' : 'text/html', 'cache-control': 'no-store' });
    res.end(req.url.endsWith('.js') ? '1' : '<p>caught');
  });
  web.on('upgrade', (req, socket) => (note(req.headers.host, 'upgrade'), socket.destroy()));
  web.on('tlsClientError', () => {});
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');

  // One socket for each attempt by UDP: a datagram does not say for whom it is.
  const sockets = [];
  async function udp(host) {
    const s = createSocket('udp4');
    s.on('message', () => note(host, 'udp'));
    s.bind(0, '127.0.0.1');
    await once(s, 'listening');
    sockets.push(s);
    return s.address().port;
  }

  const dns = createSocket('udp4');
  dns.on('message', (query, from) => {
    const labels = [];
    let at = 12;
    for (let n = query[at]; n; n = query[at]) {
      labels.push(query.toString('latin1', at + 1, at + 1 + n));
      at += n + 1;
    }
    const name = labels.join('.'), type = query.readUInt16BE(at + 1), ours = name.toLowerCase().endsWith('.' + domain);
    note(name, 'dns');
    const answers = ours && type === 1 ? 1 : 0;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(ours ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(answers, 6);
    head.writeUInt32BE(0, 8);
    const parts = [head, query.subarray(12, at + 5)];
    if (answers) parts.push(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]));
    dns.send(Buffer.concat(parts), from.port, from.address);
  });
  dns.bind(53, nameserver);
  await once(dns, 'listening');

  // The browser asks our name server, and nobody else on the machine does: it is started
  // where /etc/resolv.conf is another file.
  writeFileSync(file('resolv.conf'), `nameserver ${nameserver}\n`);
  writeFileSync(file('chromium'), `#!/bin/sh
exec unshare -m sh -c 'mount --bind "$0" /etc/resolv.conf && exec /usr/bin/chromium "$@"' ${file('resolv.conf')} "$@"
`);
  chmodSync(file('chromium'), 0o755);

  return {
    port: web.address().port, udp, hits, note,
    executablePath: file('chromium'),
    async stop() {
      web.closeAllConnections();
      web.close();
      dns.close();
      for (const s of sockets) s.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
