// The arithmetic of charts, without drawing.

/**
 * ticks answers round values that span a domain.
 * @param {number} min
 * @param {number} max
 * @param {number} count  about how many
 */
export function ticks(min, max, count = 5) {
  if (!(max > min)) max = min + 1;
  if (!(max - min > 1e-200 && max - min < 1e200)) return [0, 1];
  const rough = (max - min) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((s) => s >= rough);
  const first = Math.floor(min / step);
  const last = Math.ceil(max / step);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** linear maps a domain onto a range. */
export function linear([d0, d1], [r0, r1]) {
  const k = d1 === d0 ? 0 : (r1 - r0) / (d1 - d0);
  return (v) => r0 + (v - d0) * k;
}

/** arc answers the path of a slice between two turns (0 to 1, from twelve o'clock). */
export function arc(cx, cy, inner, outer, from, to) {
  const point = (turn, r) => {
    const a = turn * 2 * Math.PI - Math.PI / 2;
    return `${round(cx + r * Math.cos(a))} ${round(cy + r * Math.sin(a))}`;
  };
  // A full circle has no start: two halves draw it.
  if (to - from > 0.9999) return arc(cx, cy, inner, outer, from, from + 0.5) + arc(cx, cy, inner, outer, from + 0.5, from + 0.9998);
  const large = to - from > 0.5 ? 1 : 0;
  const back = inner > 0 ? `L${point(to, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}` : `L${cx} ${cy}`;
  return `M${point(from, outer)}A${outer} ${outer} 0 ${large} 1 ${point(to, outer)}${back}Z`;
}

const round = (n) => Math.round(n * 100) / 100;

/**
 * series takes rows apart by the accessors (a key or an index each): the places on the
 * axis in order of appearance, the series, and the value of each pair.
 */
export function series(data, x, y, color) {
  const places = [];
  const names = [];
  const values = new Map();
  for (const row of (Array.isArray(data) ? data : []).slice(0, 5000)) {
    if (!row || typeof row !== 'object') continue;
    const place = label(row[x]);
    const name = color === undefined || color === null ? '' : label(row[color]);
    const value = Number(row[y]);
    if (!Number.isFinite(value)) continue;
    if (!places.includes(place)) places.push(place);
    if (!names.includes(name)) names.push(name);
    const id = JSON.stringify([place, name]);
    values.set(id, (values.get(id) ?? 0) + value);
  }
  // What nobody can tell apart is not drawn: a chart is for eyes, and the page has to go on.
  names.length = Math.min(names.length, 50);
  places.length = Math.min(places.length, Math.floor(10_000 / Math.max(1, names.length)));
  return { places, names, at: (place, name) => values.get(JSON.stringify([place, name])) };
}

const label = (v) => (typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean' ? String(v) : '');
