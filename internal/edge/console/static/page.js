// An app's page in the console. Its session lasts a quarter of an hour: before it is over
// the page asks for another ticket, as who is signed in here.
const shown = document.querySelector('annex-page');
shown.addEventListener('annex-expired', async (event) => {
  if (event.detail?.for) return; // what an admin decides is decided in the console's own pages
  const res = await fetch(location.pathname, { method: 'POST', redirect: 'error', body: new URLSearchParams({ form: shown.dataset.form }) });
  if (res.ok) shown.setAttribute('token', await res.text());
  else location.reload();
});
