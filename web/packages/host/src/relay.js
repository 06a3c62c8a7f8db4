// Questions and answers over something that only posts messages.

/** asker gives ask(message) → promise of the result, and hear(answer). */
export function asker(post) {
  const waiting = new Map();
  let next = 1;
  return {
    ask(message) {
      return new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        post({ ...message, id });
      });
    },
    hear({ id, result, error }) {
      const one = waiting.get(id);
      waiting.delete(id);
      if (error) one?.reject(error);
      else one?.resolve(result);
    },
  };
}

/** resolved is the theme as the reader sees it. */
export const resolved = (theme) => (theme === 'light' || theme === 'dark' ? theme : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

/** wear puts a theme on this page. */
export function wear(theme) {
  document.documentElement.dataset.theme = resolved(theme);
}

/** announce tells a screen reader. */
export function announce(text) {
  const live = document.getElementById('live');
  if (live) live.textContent = text;
}
