// Trees as the server sends them.
let n = 0;

/** el makes a node; functions, elements and texts go where a commit would put them. */
export function el(type, props = {}, ...children) {
  const { key = `n${++n}`, ...rest } = props ?? {};
  return { type, key, props: rest, children: children.flat().filter((c) => c !== null).map((c) => (typeof c === 'object' ? c : txt(c))) };
}

export const txt = (t) => ({ type: 'String', key: `t${++n}`, props: { text: String(t) } });
export const fn = (id) => ({ $fn: id });
export const slot = (node) => ({ $el: node });
