// How people come to the platform's pages: by way of the product.
export async function signIn(context, demo, name, path = '/') {
  const page = await context.newPage();
  await page.goto(demo.access.uiUrl + '/sign-in?next=' + encodeURIComponent(path));
  await typePassword(page, demo, name);
  await page.waitForURL(demo.access.uiUrl + '/**');
  return page;
}

// typePassword proves to the product who is there.
export async function typePassword(page, demo, name) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(demo.access.users[name].password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
