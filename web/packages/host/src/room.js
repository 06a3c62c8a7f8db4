// How much room apps took in a place the last time, in this tab: it is kept for them while they
// load, so that what is below them stays where it is. Heights and nothing else are remembered.

const name = 'annex-room';
const most = 40; // places

const read = () => {
  try {
    const all = JSON.parse(sessionStorage.getItem(name));
    return Array.isArray(all) ? all.filter(Array.isArray) : [];
  } catch {
    return []; // a browser that keeps nothing
  }
};

/** keptRoom is `{ height, views }` of a place at a width, or nothing. */
export function keptRoom(place, width) {
  const [, was, height, views] = read().find(([p]) => p === place) ?? [];
  if (was !== width || !Number.isFinite(height)) return undefined;
  return { height, views: typeof views === 'object' && views !== null ? views : {} };
}

export function keepRoom(place, width, height, views) {
  try {
    sessionStorage.setItem(name, JSON.stringify([[place, width, height, views], ...read().filter(([p]) => p !== place)].slice(0, most)));
  } catch {
    // There is no room for it, or it may not be kept.
  }
}

/** roomOf is a height that was remembered, if it is one. */
export const roomOf = (px) => (Number.isFinite(px) && px > 0 ? Math.min(Math.max(Math.ceil(px), 24), 8000) : undefined);
