// What an app may put into a place that can hold an address. The server has checked the
// same; a renderer that trusts it would be one mistake away from an open door. Whether
// the installation may reach an address is not decided here: the page's policy does.

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
// Browsers drop these inside addresses; an address that needs them hides something.
const HIDDEN = /[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\\]/;
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif|svg\+xml)[;,]/i;
const RESOURCE = /^resource:([A-Za-z0-9_.-]+)[;:]\/?([^?#]*)$/;

/**
 * link answers the address of a link, or null. Addresses without a scheme are places in
 * the product; the shell resolves them.
 * @param {unknown} value
 * @returns {string | null}
 */
export function link(value) {
  if (typeof value !== 'string') return null;
  const url = value.trim();
  if (url === '' || url.length > 8192 || HIDDEN.test(url)) return null;
  if (url.startsWith('//')) return null;
  if (!SCHEME.test(url)) return url;
  if (/^mailto:/i.test(url)) return url;
  return /^https:\/\/[^/?#@]+(?:[/?#]|$)/i.test(url) ? url : null;
}

/**
 * picture answers the address of an image, or null: an https address, a picture in the
 * address itself, or a file of the app, whose address assetURL knows.
 * @param {unknown} value
 * @param {(path: string) => string | null | undefined} [assetURL]
 * @returns {string | null}
 */
export function picture(value, assetURL) {
  if (typeof value !== 'string') return null;
  const url = value.trim();
  if (PICTURE.test(url)) return url.length <= 4 << 20 && !/[\u0000-\u001f]/.test(url) ? url : null;
  if (url === '' || url.length > 8192 || HIDDEN.test(url) || url.startsWith('//')) return null;
  if (/^https:/i.test(url)) return link(url);
  if (SCHEME.test(url) && !RESOURCE.test(url)) return null;
  if (url.split(/[/;:?#]/).some((part) => /^(?:\.|%2e){2}$/i.test(part))) return null;
  return assetURL?.(url) || null;
}

/** external tells whether an address leaves the product. */
export function external(url) {
  return SCHEME.test(url);
}

/** text makes a text of what should be one. */
export function text(value) {
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';
}

/** number makes a finite number of what should be one, within bounds. */
export function number(value, fallback, min = -Infinity, max = Infinity) {
  const n = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof n === 'number' && Number.isFinite(n) ? Math.min(max, Math.max(min, n)) : fallback;
}

/** oneOf answers value if it is among the allowed, else the fallback. */
export function oneOf(value, allowed, fallback) {
  return allowed.includes(value) ? value : fallback;
}
