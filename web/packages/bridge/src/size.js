// Tells the host how much room the page needs, so that no frame scrolls inside a page.
import { watchHeight } from './height.js';

export function reportSize(send) {
  let last = 0;
  let growth = 0;
  const report = () => {
    const root = document.documentElement;
    if (!root) return;
    const height = Math.ceil(root.getBoundingClientRect().height);
    if (height === last || height === 0) return;
    // A page that is always a little taller than its frame would grow for ever.
    growth = height > last && height - last < 40 ? growth + 1 : 0;
    if (growth > 20) return;
    last = height;
    void send('resize', { height }).catch(() => {});
  };
  const begin = () => watchHeight(document.documentElement, report);
  if (document.documentElement && document.readyState !== 'loading') begin();
  else addEventListener('DOMContentLoaded', begin, { once: true });
}
