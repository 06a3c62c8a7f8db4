// What Tracker's pages do for the apps in them: another token when a page was open for long,
// and addresses of Tracker's own places.
addEventListener('annex-expired', async ({ target }) => {
  const { module, issue = '', project = '' } = target.dataset;
  const res = await fetch(`/annex/token?${new URLSearchParams({ module, issue, project })}`);
  if (res.ok) target.setAttribute('token', (await res.json()).token);
});

addEventListener('annex-place', ({ detail }) => {
  const { target, issueKey, projectKey } = detail.place;
  if (target === 'issue' && issueKey) detail.url = `/browse/${encodeURIComponent(issueKey)}`;
  if (target === 'projectSettingsDetails' && projectKey) detail.url = `/?project=${encodeURIComponent(projectKey)}`;
  if (target === 'dashboard') detail.url = '/dashboard';
});

// A place without apps takes no room.
addEventListener('annex-state', ({ target, detail }) => {
  if (target.localName === 'annex-panel') target.hidden = detail.state === 'empty';
});
