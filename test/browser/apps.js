// Public apps in the product's pages: `make apps-ui`. Standard input says where the server is
// and which apps are installed; standard output is what was done with each and what came of it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

const { access, apps, pictures } = JSON.parse(await text(process.stdin));
if (pictures) mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});

const patience = 15_000;

/** see finds what is shown in any of the page's frames. */
async function see(page, find, { gone = false, within = patience } = {}) {
  for (const until = Date.now() + within; Date.now() < until; await page.waitForTimeout(100)) {
    let found = null;
    for (const frame of page.frames()) {
      const at = find(frame).first();
      if (await at.isVisible().catch(() => false)) found = at;
    }
    if (gone ? !found : found) return found;
  }
  throw new Error(gone ? 'it is still shown' : 'it is not shown');
}

const words = (what) => (frame) => frame.getByText(what);
const named = (role, name) => (frame) => frame.getByRole(role, { name });
const hint = (what) => (frame) => frame.getByPlaceholder(what);

/** tab opens an app's tab where a page has several. */
async function tab(page, title) {
  const at = await see(page, named('tab', title));
  await at.click();
}

/** agree lets the app act as the person who looks at it; where several ask, the one of the name. */
async function agree(page, app = '') {
  const review = await see(page, (f) => f.getByRole('region', { name: `${app} asks to act as you` }).getByRole('button', { name: 'Review' }));
  const [asked] = await Promise.all([page.context().waitForEvent('page'), review.click()]);
  await asked.getByRole('button', { name: 'Agree' }).click();
  await asked.getByText('may act as you now').waitFor();
  await asked.close();
}

// What a user does with each app. A step that names what Annex or the reference product does
// not offer says why behind `beyond`, and that it still is so is what is checked.
const done = {
  'IdoBruker/Forge-ToDo-List-Example': {
    kind: 'custom UI (React 19, Vite, Redux)', place: 'global page', at: '/apps',
    steps: [
      ['its empty list', async (p) => {
        await tab(p, 'To-Do list example');
        await see(p, words('All clear'));
      }],
      ['a task added', async (p) => {
        await (await see(p, hint('Add a new task...'))).fill('Buy milk');
        await (await see(p, named('button', 'High'))).click();
        await (await see(p, hint('Add a new task...'))).press('Enter');
        await see(p, words('Buy milk'));
      }],
      ['ticked, and so after a reload', async (p) => {
        await (await see(p, (f) => f.getByRole('checkbox'))).click();
        await see(p, (f) => f.locator('input[type=checkbox]:checked'));
        await p.waitForTimeout(1000);
        await p.reload();
        await tab(p, 'To-Do list example');
        await see(p, words('Buy milk'));
        await see(p, (f) => f.locator('input[type=checkbox]:checked'));
      }],
      ['removed', async (p) => {
        await (await see(p, (f) => f.locator('li button:last-child'))).click();
        await see(p, words('All clear'));
      }],
    ],
  },
  'atlassian-labs/issue-status-helper': {
    kind: 'custom UI (React 16, Create React App, Atlaskit)', place: 'admin page, project page', at: '/admin/apps',
    steps: [
      ['asks for the admin’s agreement and lists the projects', async (p) => {
        await tab(p, 'Issue Status Helper Config');
        await agree(p);
        await see(p, words('Automatic issue status hierarchy transitions'));
        await see(p, words('Demo project'));
      }],
      ['a project switched on, and so after a reload', async (p) => {
        await (await see(p, (f) => f.locator('label:has(input[type=checkbox])'))).click();
        await see(p, (f) => f.locator('label:has(input[type=checkbox]:checked)'));
        await p.waitForTimeout(1000);
        await p.reload();
        await tab(p, 'Issue Status Helper Config');
        await see(p, (f) => f.locator('label:has(input[type=checkbox]:checked)'));
      }],
      ['its global settings', async (p) => {
        await (await see(p, named('tab', 'Global Settings'))).click();
        await see(p, words('Status configurations'));
      }],
      ['its page of a project, switched on there too', async (p) => {
        await p.goto(access.productPageUrl + '/projects/DEMO/apps');
        await see(p, words('is enabled for this project'));
        await see(p, (f) => f.locator('label:has(input[type=checkbox]:checked)'));
      }],
    ],
  },
  'mdisec/cvefeedio-jira-forge-app': {
    kind: 'custom UI (React 18, Create React App)', place: 'admin page, global page', at: '/admin/apps',
    steps: [
      ['its settings, nothing connected', async (p) => {
        await tab(p, 'CVEFeed.io Configuration').catch(() => {}); // alone it has no tabs
        await see(p, words('No Projects Connected'));
      }],
      ['a wrong key refused in words', async (p) => {
        await (await see(p, named('button', '+ Add Project'))).click();
        await (await see(p, hint('cvefeed_aBcD1234_...'))).fill('cvefeed_wrong');
        await (await see(p, hint('42'))).fill('42');
        await (await see(p, (f) => f.getByRole('button', { name: 'Add Project', exact: true }))).click();
        await see(p, words('API returned 401'));
      }],
      ['a project connected, its web trigger registered and its alerts read', async (p) => {
        await (await see(p, hint('cvefeed_aBcD1234_...'))).fill('cvefeed_right');
        await (await see(p, (f) => f.getByRole('button', { name: 'Add Project', exact: true }))).click();
        await see(p, words('Project "Web shop" added successfully.'));
      }],
      ['kept over a reload', async (p) => {
        await p.reload();
        await tab(p, 'CVEFeed.io Configuration').catch(() => {}); // alone it has no tabs
        await see(p, words('Web shop'));
      }],
      ['beside an issue: its alerts', async (p) => {
        await p.goto(access.productPageUrl + '/browse/DEMO-3');
        await see(p, words('CVEFeed.io Not Configured'));
      }, 'it asks for a licence there, and says that it is not configured without one; apps are not sold here, so `license` is undefined, as in development on Forge'],
      ['its page for everybody, which it tells by its module’s key in `extension`', async (p) => {
        await p.goto(access.productPageUrl + '/apps');
        await tab(p, 'CVEFeed.io - CVE Vulnerability Alerts for Jira').catch(() => {});
        await see(p, words('CVEFeed.io Vulnerability Browser'));
        await see(p, named('button', 'Show My Project Vulnerabilities'));
      }],
    ],
  },
  'SaneQQQQ/forge-jira-plugin': {
    kind: 'UI Kit', place: 'admin page, issue panel', at: '/admin/apps',
    steps: [
      ['its settings, in words from its translations', async (p) => {
        await tab(p, 'GitHub Integration');
        await see(p, words('GitHub Personal Access Token'));
      }],
      ['a malformed token refused in words', async (p) => {
        await (await see(p, hint('Place your token here'))).fill('nonsense');
        await (await see(p, named('button', 'Save Token'))).click();
        await see(p, words('Invalid token format'));
      }],
      ['a token checked with GitHub and saved', async (p) => {
        await (await see(p, hint('Place your token here'))).fill('ghp_' + 'a'.repeat(36));
        await (await see(p, named('button', 'Save Token'))).click();
        await see(p, words('successfully saved'));
      }],
      ['a toggle, kept over a reload', async (p) => {
        await (await see(p, (f) => f.getByRole('switch'))).click();
        await p.reload();
        await tab(p, 'GitHub Integration');
        await see(p, (f) => f.locator('[role=switch]:checked, [role=switch][aria-checked=true]'));
        await see(p, named('button', 'Edit'));
      }],
      ['beside an issue: repositories, its pull requests', async (p) => {
        await p.goto(access.productPageUrl + '/browse/DEMO-1');
        await (await see(p, (f) => f.getByRole('button', { name: /notes/ }))).click();
        await see(p, words('DEMO-1 sort notes'));
      }],
      ['a pull request approved', async (p) => {
        await (await see(p, named('button', 'Approve'))).click();
        await see(p, (f) => f.getByText('approved', { exact: true }));
      }],
    ],
  },
  'growthbook/jira-app': {
    kind: 'UI Kit (TypeScript, swr)', place: 'admin page, issue panel', at: '/admin/apps',
    steps: [
      // The app saves a second after it was opened and a second after a change, says so while it
      // does, and does not mind which of two saves arrives last: so one is waited for.
      ['a key pasted, and there after a reload', async (p, { told }) => {
        await tab(p, 'Configure your GrowthBook integration').catch(() => {}); // alone it has no tabs
        await told('Saving changes');
        await told('Settings synced');
        const key = await see(p, (f) => f.getByLabel('API Key').or(f.locator('input[type=text]')));
        await key.fill('secret_user_key');
        await told('secret_user_key'); // the app has it: what it saves from here on is with it
        await told('Saving changes');
        await told('Settings synced');
        await p.reload();
        await tab(p, 'Configure your GrowthBook integration').catch(() => {}); // alone it has no tabs
        const again = await see(p, (f) => f.getByLabel('API Key').or(f.locator('input[type=text]')));
        for (const until = Date.now() + patience; (await again.inputValue()) !== 'secret_user_key';) {
          if (Date.now() > until) throw new Error(`the field holds ${await again.inputValue()}`);
          await p.waitForTimeout(100);
        }
      }],
      ['beside an issue: flags fetched by the broker, one chosen', async (p) => {
        await p.goto(access.productPageUrl + '/browse/DEMO-2');
        await agree(p, 'jira-issue-panel-csuik');
        await see(p, (f) => f.locator('.k-root').getByRole('combobox'));
        await p.waitForTimeout(3000); // the app drops what is chosen within a second of its opening
        await (await see(p, (f) => f.locator('.k-root').getByRole('combobox'))).click(); // the page has one too
        await (await see(p, named('option', 'dark-mode'))).click();
        await see(p, words(/Last Published Jan 2, 2026.* by Alice/));
      }],
      ['the chosen flag after a reload', async (p) => {
        await p.reload();
        await see(p, words(/Last Published Jan 2, 2026.* by Alice/));
      }],
    ],
  },
  'dpashkevich/forge-jira-checklist': {
    kind: 'UI Kit 1', place: 'issue panel', at: '/browse/DEMO-1',
    steps: [
      ['two tasks added', async (p) => {
        await agree(p);
        for (const task of ['Fill the kettle', 'Buy tea']) {
          await (await see(p, hint('Enter new task'))).fill(task);
          await (await see(p, named('button', 'Add task'))).click();
          await see(p, words(task));
        }
      }],
      ['one ticked, struck out', async (p) => {
        await (await see(p, named('button', '🔲'))).click();
        await see(p, (f) => f.locator('s, del').getByText('Fill the kettle'));
      }],
      ['one removed', async (p) => {
        const rows = await see(p, (f) => f.getByRole('row').filter({ hasText: 'Buy tea' }));
        await rows.getByRole('button', { name: '✖' }).click();
        await see(p, words('Buy tea'), { gone: true });
      }],
      ['the list after a reload, in a property of the issue', async (p) => {
        await p.reload();
        await see(p, (f) => f.locator('s, del').getByText('Fill the kettle'));
      }],
    ],
  },
  'AtomOpera/forge-scheduled-trigger-lab': {
    kind: 'UI Kit 1', place: 'global page', at: '/apps',
    steps: [
      ['its page, with the address of its web trigger', async (p) => {
        await tab(p, 'forge-scheduled-trigger-lab');
        await see(p, words('Message not set'));
        await see(p, words(/curl -X POST https?:/));
      }],
      ['the message set by a request to that address, and shown after a reload', async (p) => {
        const shown = await (await see(p, words(/curl -X POST https?:/))).textContent();
        const to = new URL(/https?:\/\/\S+/.exec(shown)[0]); // a name below localhost, which not every resolver knows
        const res = await p.request.post(`http://127.0.0.1:${to.port}/`, { data: '{"motd":"Tea at four"}', headers: { host: to.host, 'content-type': 'application/json' } });
        if (!res.ok()) throw new Error(`the trigger answers ${res.status()}`);
        await p.reload();
        await tab(p, 'forge-scheduled-trigger-lab');
        await see(p, words(/Tea at four/));
      }],
      ['its form, which sends the message to its own web trigger', async (p) => {
        await (await see(p, (f) => f.getByLabel('message'))).fill('From the form');
        await (await see(p, named('button', 'Send message'))).click();
        await see(p, words('The app reported an error.'));
      }, 'the manifest allows *.atlassian-dev.net, where Forge has its triggers; the address of a trigger here is another'],
    ],
  },
  'shiftpi/jira-forge-remote-demo': {
    kind: 'UI Kit (TypeScript), remote', place: 'issue action', at: '/browse/DEMO-1',
    steps: [
      ['its action beside an issue: the issue read as the user who agreed, and a code drawn by its back end, which verified who called', async (p) => {
        await (await see(p, named('button', 'Create QR Code'))).click();
        await agree(p);
        await see(p, words(/Generated in 12 ms/));
        const drawn = await see(p, (f) => f.locator('img'));
        if (!(await drawn.evaluate((i) => i.complete && i.naturalWidth > 0))) throw new Error('the picture is not drawn');
      }],
    ],
  },
};

// The window is as high as any of the pages, and what is in it is the picture: one of more than
// the window changes its size for a moment, and what is pressed in a frame right after that goes
// to where the frame was.
async function signIn(path) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1600 }, locale: 'en-US' });
  const page = await context.newPage();
  const told = listen(page);
  await page.goto(`${access.productPageUrl}/login?next=${encodeURIComponent(path)}`);
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password').fill(access.users.alice.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(access.productPageUrl + path);
  return { page, told };
}

/** listen hears what views of UI Kit are told, also what is drawn for a moment only: the next that has a text in it. */
function listen(page) {
  const all = [];
  let at = 0;
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => all.push(String(payload))));
  return async (text) => {
    for (const until = Date.now() + 2 * patience; Date.now() < until; await page.waitForTimeout(50)) {
      const found = all.findIndex((m, n) => n >= at && m.includes(text));
      if (found >= 0) {
        at = found + 1;
        return;
      }
    }
    throw new Error(`nothing says ${text}`);
  };
}

const said = [];
for (const { repo, commit } of apps) {
  const { kind, place, at, steps } = done[repo];
  const { page, told } = await signIn(at);
  page.on('pageerror', (e) => console.error(repo, 'page error', e.message));
  page.on('console', (m) => { if (m.type() === 'error') console.error(repo, 'console', m.text().slice(0, 300)); });
  const out = { repo, commit, kind, place, steps: [] };
  for (const [n, [what, act, beyond]] of steps.entries()) {
    let why = beyond;
    try {
      await act(page, { told });
    } catch (e) {
      why = e.message.split('\n')[0];
      out.steps.push({ what, why });
      if (pictures) await page.screenshot({ path: join(pictures, `${repo.split('/')[1]}-${n + 1}-failed.png`) });
      continue;
    }
    out.steps.push({ what, why, beyond: Boolean(beyond) });
    if (pictures) await page.screenshot({ path: join(pictures, `${repo.split('/')[1]}-${n + 1}.png`) });
  }
  said.push(out);
  await page.goto('about:blank'); // as a person leaves: what is torn down says nothing to its views
  await page.waitForTimeout(6000); // which may end what they have begun, for five seconds
  await page.context().close();
}
await browser.close();
console.log(JSON.stringify(said));
