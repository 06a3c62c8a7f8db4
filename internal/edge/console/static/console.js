// Pages work without this. With it, the product is asked without a further click, and a
// form that was sent is not sent twice.
const go = document.querySelector('a[data-go]');
if (go) location.replace(go.href);
for (const form of document.forms) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = '1';
  });
}
addEventListener('pageshow', (event) => {
  if (event.persisted) for (const form of document.forms) delete form.dataset.sent;
});
