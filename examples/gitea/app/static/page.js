// The open issues of a repository, as the person who looks at the page.
import { requestProduct } from '/_annex/sdk.js';

const [form, status, list] = ['form', '[role=status]', 'ul'].map((s) => document.querySelector(s));
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  list.replaceChildren();
  const [owner, name] = form.repository.value.split('/').map(encodeURIComponent);
  try {
    const res = await requestProduct('gitea', `/repos/${owner}/${name}/issues?state=open`);
    if (!res.ok) throw new Error(`Gitea answered ${res.status}.`);
    const issues = await res.json();
    status.textContent = issues.length ? '' : 'There is none.';
    for (const { number, title } of issues) list.append(Object.assign(document.createElement('li'), { textContent: `#${number} ${title}` }));
  } catch (e) {
    status.textContent = e.message;
  }
});
