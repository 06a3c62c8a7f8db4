// Where the customer's log server is: asked of an admin, by the platform.
import { invoke, permissions, view } from '/_annex/sdk.js';

const now = document.getElementById('now');
const said = document.getElementById('said');
const say = (text, bad) => { said.textContent = text; said.className = bad ? 'alert' : 'quiet'; };

async function look() {
  const url = await permissions.remote.getRemote('logs');
  now.textContent = url ? `Lines go to ${url}` : 'No log server is set.';
}

async function attempt(act, done) {
  say('');
  try {
    await act();
    say(done);
  } catch (e) {
    say(e.code === 'ADMIN_REQUIRED' ? 'Only an admin of this site sets the address.' : e.message, true);
  }
  await look();
}

document.querySelector('form').addEventListener('submit', (e) => {
  e.preventDefault();
  void attempt(() => permissions.remote.setRemote('logs', e.target.url.value), 'It is set.');
});
document.getElementById('test').addEventListener('click', () => void attempt(() => invoke('test'), 'A line was sent.'));

await view.theme.enable();
await look();
