// People in the demo's product, as a browser shows it.

/** openProduct signs a person in to Tracker and gives the page at a path. */
export async function openProduct(context, demo, name, path = '/') {
  const page = await context.newPage();
  await page.goto(`${demo.access.productPageUrl}/login?next=${encodeURIComponent(path)}`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(demo.access.users[name].password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(demo.access.productPageUrl + path);
  return page;
}

/** frameIn is the first frame of a page that looks so, within half a minute. */
export async function frameIn(page, looks) {
  for (let n = 0; n < 600; n++) {
    for (const f of page.frames()) if (await looks(f).catch(() => false)) return f;
    await page.waitForTimeout(50);
  }
  throw new Error(`no frame looks so: ${page.frames().map((f) => f.url()).join(' ')}`);
}

/** atRest waits until the page's panels moved the last time: what is pressed before may go to where it was. */
export async function atRest(page) {
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll('annex-panel, annex-page')];
    return all.length > 0 && all.every((p) => customElements.get(p.localName) && !p.hasAttribute('aria-busy'));
  });
}
