// Whether all lines of a list have been in sight. The end alone would not tell: a key, a
// scroll bar or a finger can jump past lines that nobody saw, and past the end too. So each
// line carries a mark at its own end, and the list was seen when every mark was, in whatever
// order. What is left is not for the reader to find: next brings it into sight, by hand, by
// key or by screen reader.

import { el } from '../small.js';

/**
 * watch tells changed how many lines were not in sight yet, whenever that changes, the first
 * time when the browser has drawn them. It gives next(), which shows the first of them.
 */
export function watch(lines, changed) {
  const left = new Map(); // the mark → its line, in the order of the list
  const eye = new IntersectionObserver((entries) => {
    for (const e of entries) {
      if (!e.isIntersecting) continue;
      eye.unobserve(e.target);
      left.get(e.target)?.setAttribute('data-annex-seen', '');
      left.delete(e.target);
    }
    changed(left.size);
  });
  for (const line of lines) {
    const mark = el('span', { class: 'sight', 'aria-hidden': 'true' });
    line.classList.add('line');
    line.append(mark);
    left.set(mark, line);
  }
  for (const mark of left.keys()) eye.observe(mark);
  let before;
  return {
    next() {
      const [line] = left.values();
      if (!line) return;
      line.tabIndex = -1;
      line.focus({ preventScroll: true }); // who listens goes on reading there
      // A line that is higher than its place does not show its end by its beginning.
      line.scrollIntoView({ block: line === before ? 'end' : 'start' });
      before = line;
    },
  };
}
