import Resolver from '@forge/resolver';
import { requestRemote } from '@forge/api';

// send writes one line to the log server that an admin of the site named.
async function send(event) {
  const res = await requestRemote('logs', {
    path: '/services/collector/event',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ time: Math.floor(Date.now() / 1000), source: 'tracker', event }),
  });
  if (!res.ok) throw new Error(`The log server answered ${res.status}.`);
}

const resolver = new Resolver();
resolver.define('test', async ({ context }) => {
  await send({ what: 'a line to try it', by: context.accountId });
  return true;
});
export const handler = resolver.getDefinitions();

// made is called for each issue that is made. Where no log server is set, that is no failure.
export async function made(event) {
  try {
    await send({ what: 'issue made', issue: event.issue?.key });
  } catch (e) {
    if (e.code !== 'REMOTE_NOT_CONFIGURED') throw e;
  }
}
