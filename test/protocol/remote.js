// A remote written with another stack: it answers requests that prove that Annex made them for
// it, and no others. It reads its settings as JSON from its input, and writes its port.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { invocations } from './invocation.js';

const settings = JSON.parse(readFileSync(0, 'utf8'));
const verify = invocations(settings);
const server = createServer(async (req, res) => {
  const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
  const answer = (status, body) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  try {
    const c = await verify(token, { method: req.method, path: req.url });
    answer(200, { app: c.app.id, installation: c.app.installationId, principal: c.principal });
  } catch (e) {
    answer(401, { refused: e.message });
  }
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
