// Design tokens: names like `color.text.subtle` or `space.100` become values of the
// kit's own theme (see kit.css). A token is never copied into CSS by its text: it is
// taken apart, and only what is known is put together again.

const HUES = ['gray', 'blue', 'teal', 'green', 'lime', 'yellow', 'orange', 'red', 'magenta', 'purple'];
const STEPS = ['subtlest', 'subtler', 'subtle', 'bolder'];
const MEANINGS = {
  neutral: 'gray', selected: 'blue', brand: 'blue', information: 'blue', success: 'green', warning: 'yellow',
  danger: 'red', discovery: 'purple', input: 'gray', accent: 'gray',
};
const PLACES = new Set(['text', 'link', 'icon', 'border', 'background', 'blanket', 'skeleton', 'chart', 'interaction']);

/**
 * color answers the CSS value of a colour token, or null.
 * @param {string} name
 * @returns {string | null}
 */
export function color(name) {
  if (typeof name !== 'string' || !/^[a-z0-9.]{1,80}$/.test(name)) return null;
  let parts = name.split('.');
  if (parts[0] === 'elevation' && parts[1] === 'surface') {
    const level = ['raised', 'sunken', 'overlay'].find((l) => parts.includes(l));
    return state(parts, level ? `var(--k-surface-${level})` : 'var(--k-surface)');
  }
  if (parts[0] === 'utility' && parts[1] === 'elevation') return color(parts.slice(1).join('.'));
  if (parts[0] !== 'color' || !PLACES.has(parts[1])) return null;
  const place = parts[1];
  parts = parts.slice(2);
  if (place === 'text' || place === 'link' || place === 'icon') return state(parts, inkOf(place, parts));
  if (place === 'border') return state(parts, borderOf(parts));
  if (place === 'blanket') return 'var(--k-blanket)';
  if (place === 'skeleton') return 'var(--k-gray-subtlest)';
  if (place === 'interaction') return 'var(--k-gray-subtlest)';
  if (place === 'chart') return `var(--k-${hueOf(parts) ?? 'blue'}-chart)`;
  return state(parts, fillOf(parts));
}

function hueOf(parts) {
  for (const p of parts) {
    if (HUES.includes(p)) return p;
    if (p in MEANINGS && p !== 'accent') return MEANINGS[p];
  }
  return null;
}

function inkOf(place, parts) {
  if (parts.includes('inverse')) return 'var(--k-ink-inverse)';
  if (parts.includes('disabled')) return 'var(--k-ink-disabled)';
  const hue = hueOf(parts);
  if (hue && hue !== 'gray') return `var(--k-${hue}-ink)`;
  if (place === 'link') return 'var(--k-link)';
  return parts.includes('subtle') || parts.includes('subtlest') ? 'var(--k-ink-subtle)' : 'var(--k-ink)';
}

function borderOf(parts) {
  if (parts.includes('focused')) return 'var(--k-focus)';
  const hue = hueOf(parts);
  if (hue && hue !== 'gray') return `var(--k-${hue}-border)`;
  return parts.includes('bold') || parts.includes('input') ? 'var(--k-border-bold)' : 'var(--k-border)';
}

function fillOf(parts) {
  if (parts.includes('input') || parts.includes('inverse')) return 'var(--k-surface)';
  if (parts.includes('disabled')) return 'var(--k-gray-subtlest)';
  const hue = hueOf(parts) ?? 'gray';
  if (parts.includes('accent')) return `var(--k-${hue}-${STEPS.find((s) => parts.includes(s)) ?? 'subtlest'})`;
  if (parts.includes('bold')) return `var(--k-${hue}-bolder)`;
  if (parts.includes('subtle') && hue === 'gray') return 'transparent';
  return `var(--k-${hue}-subtlest)`;
}

function state(parts, base) {
  if (base === 'transparent') return parts.includes('hovered') || parts.includes('pressed') ? 'var(--k-gray-subtlest)' : base;
  if (parts.includes('pressed')) return `color-mix(in srgb, ${base}, var(--k-ink) 14%)`;
  if (parts.includes('hovered')) return `color-mix(in srgb, ${base}, var(--k-ink) 7%)`;
  return base;
}

/** space answers the length of `space.100` (8 px) and its like, or null. */
export function space(name) {
  const m = /^space\.(negative\.)?(\d{1,4})$/.exec(name);
  return m ? `${(m[1] ? -1 : 1) * (Number(m[2]) * 8) / 100}px` : null;
}

const RADII = {
  'border.radius': '4px', 'border.radius.050': '2px', 'border.radius.100': '4px', 'border.radius.200': '8px', 'border.radius.300': '12px',
  'border.radius.400': '16px', 'border.radius.circle': '9999px', 'radius.xsmall': '2px', 'radius.small': '4px', 'radius.medium': '6px',
  'radius.large': '8px', 'radius.xlarge': '12px', 'radius.xxlarge': '16px', 'radius.full': '9999px', 'radius.tile': '25%',
};
const WIDTHS = {
  'border.width': '1px', 'border.width.0': '0', 'border.width.050': '1px', 'border.width.100': '2px', 'border.width.indicator': '3px',
  'border.width.outline': '2px', 'border.width.selected': '2px', 'border.width.focused': '2px',
};
const WEIGHTS = { 'font.weight.regular': '400', 'font.weight.medium': '500', 'font.weight.semibold': '600', 'font.weight.bold': '700' };
const SIZES = {
  'font.body': '14px', 'font.body.small': '12px', 'font.body.UNSAFE_small': '12px', 'font.body.large': '16px', 'font.heading.xxlarge': '32px',
  'font.heading.xlarge': '28px', 'font.heading.large': '24px', 'font.heading.medium': '20px', 'font.heading.small': '16px',
  'font.heading.xsmall': '14px', 'font.heading.xxsmall': '12px', 'font.code': '13px',
};

/**
 * token answers the CSS value of a token for a property's kind, or null.
 * @param {string} name
 * @param {'color' | 'length' | 'radius' | 'line' | 'weight' | 'size' | 'shadow' | 'number' | 'word'} kind
 * @returns {string | null}
 */
export function token(name, kind) {
  switch (kind) {
    case 'color': return color(name);
    case 'length': return space(name);
    case 'radius': return own(RADII, name) ?? space(name);
    case 'line': return own(WIDTHS, name);
    case 'weight': return own(WEIGHTS, name);
    case 'size': return own(SIZES, name);
    case 'shadow': return /^elevation\.shadow\.(raised|overlay|overflow)$/.test(name) ? `var(--k-shadow-${name.split('.')[2] === 'raised' ? 'raised' : 'overlay'})` : null;
    case 'number': return /^opacity\.(disabled|loading)$/.test(name) ? (name.endsWith('disabled') ? '0.4' : '0.2') : null;
    default: return null;
  }
}

const own = (table, name) => (Object.hasOwn(table, name) ? table[name] : null);
