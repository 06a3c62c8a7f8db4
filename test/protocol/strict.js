// What both verifiers refuse by: JSON that names something twice, and texts that are none.
export class Refused extends Error {}

export function demand(ok, what) {
  if (!ok) throw new Refused(what);
}

// object parses a JSON object that names nothing twice: JSON.parse would take the last.
export function object(source) {
  const value = JSON.parse(source);
  demand(value !== null && typeof value === 'object' && !Array.isArray(value), 'not an object');
  const written = source.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
  demand(written === members(value), 'a name is there twice');
  return value;
}

function members(value) {
  if (value === null || typeof value !== 'object') return 0;
  const inner = Object.values(value).reduce((n, v) => n + members(v), 0);
  return Array.isArray(value) ? inner : inner + Object.keys(value).length;
}

export const text = (v) => typeof v === 'string' && v !== '' && !/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(v);
