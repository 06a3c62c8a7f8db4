import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { start } from './demo.js';

let demo;
before(async () => (demo = await start()));
after(() => demo?.stop());

async function signIn(context, name) {
  const page = await context.newPage();
  await page.goto(demo.access.productPageUrl);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(demo.access.users[name].password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Demo project' }).waitFor();
  return page;
}

test('Alice creates an issue, moves it and comments; Bob reads it', async () => {
  const alice = await signIn(await demo.browser.newContext(), 'alice');
  await alice.getByText('Create issue').click();
  await alice.getByLabel('Summary').fill('The <b>kettle</b> is empty');
  await alice.getByLabel('Type').selectOption('Bug');
  await alice.getByRole('button', { name: 'Create', exact: true }).click();
  await alice.getByRole('heading', { name: 'The <b>kettle</b> is empty' }).waitFor(); // as text, not as markup
  await alice.getByLabel('Status').selectOption('In Progress');
  await alice.getByRole('button', { name: 'Move' }).click();
  await alice.getByLabel('Add a comment').fill('Filled it.');
  await alice.getByRole('button', { name: 'Comment' }).click();
  const bob = await signIn(await demo.browser.newContext(), 'bob');
  await bob.getByRole('region', { name: /In Progress/ }).getByText('kettle').click();
  await bob.getByText('Filled it.').waitFor();
  assert.equal(await bob.getByText('admin', { exact: true }).count(), 0);
});

test('a wrong password is refused in words', async () => {
  const page = await demo.browser.newPage();
  await page.goto(demo.access.productPageUrl);
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password').fill('guess');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
});

test('the platform says what it is and how strongly it isolates', async () => {
  const page = await demo.browser.newPage();
  await page.goto(demo.access.uiUrl);
  await page.getByRole('heading', { name: 'Annex is running' }).waitFor();
  await page.getByText(/^(one wall|two walls)$/).waitFor();
});
