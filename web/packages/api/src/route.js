// Product paths. A path reaches the product only as a Route, which app code can make
// in three ways: the `route` template tag, which refuses or encodes what is put in,
// and two functions whose names say that the caller vouches.
import { URL, URLSearchParams } from '@annex/runtime/url';

/** A product path that went through one of this module's doors. */
export class Route {
  #value;
  /** @param {string} value */
  constructor(value, key) {
    if (key !== door) throw new TypeError('a Route is made with the route template tag');
    this.#value = value;
    Object.freeze(this);
  }
  get value() { return this.#value; }
  toString() { return this.#value; }
  toJSON() { return this.#value; }
  static is(value) { return typeof value === 'object' && value !== null && #value in value; }
}
const door = Symbol('route');
const isRoute = Route.is;
delete Route.is;
Object.freeze(Route.prototype);

/** A path that was given as something else than a Route, or that a Route cannot hold. */
export class RouteError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'RouteError';
    this.code = code;
    this.status = 400;
  }
}

/**
 * The template tag for product paths: route`/rest/api/3/issue/${key}?fields=${fields}`.
 *
 * Before the first `?` or `#` a value may not hold a separator (`/`, `\`, `?`, `#`), a
 * dot segment or a control character, however often percent-encoded: such a value
 * throws `ROUTE_INVALID`. After it values are percent-encoded; URLSearchParams and
 * other routes are inserted as they are.
 *
 * @throws {RouteError} ROUTE_INVALID
 */
export function route(strings, ...values) {
  if (!Array.isArray(strings) || !Array.isArray(strings.raw)) {
    throw new RouteError('ROUTE_REQUIRED', 'route is a template tag: write route`/path/${value}`, not route("/path")');
  }
  let path = ofPlain(strings, values);
  if (path !== undefined) return new Route(path, door);
  path = strings[0];
  let marked = path; // the same, with a NUL where a value was put into the path
  let query = begins(path);
  let dots = false; // a value that could be part of a dot segment was put into the path
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (isRoute(value)) {
      path += value.value;
      marked += value.value;
      query ||= begins(value.value);
    } else if (query) {
      path += value instanceof URLSearchParams ? value.toString() : encodeURIComponent(wellFormed(value));
    } else {
      let safe = wellFormed(value);
      if (!plain.test(safe)) {
        safe = segment(safe);
        dots = true;
      }
      path += safe;
      marked += `\0${safe}`;
    }
    path += strings[i + 1];
    if (!query) marked += strings[i + 1];
    query ||= begins(strings[i + 1]);
  }
  // A value can complete a dot segment that the template began: route`/a/.${'.'}/b`.
  if (dots && marked.split(/[?#]/, 1)[0].split(/[/\\]/).some((part) => part.includes('\0') && isDots(part))) {
    throw new RouteError('ROUTE_INVALID', `the values put into the route ${JSON.stringify(path)} make a dot segment`);
  }
  return new Route(path, door);
}

// ofPlain is the path of a template with plain values alone, as most are: they stand in it
// as they are, before the "?" and behind.
function ofPlain(strings, values) {
  let path = strings[0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!(typeof value === 'string' ? plain.test(value) : isSafeInteger(value))) return undefined;
    path += `${value}${strings[i + 1]}`;
  }
  return path;
}

const { isSafeInteger } = Number;

// plain values hold nothing that a path reads as something else, before or after decoding.
const plain = /^[\w-]+$/;
const begins = (text) => text.includes('?') || text.includes('#');

const wellFormed = (value) => String(value).toWellFormed();

// segment refuses what could leave the place in the path that the template gave it.
function segment(text) {
  let decoded = text;
  for (let turns = 0; ; turns++) {
    if (/[/\\?#]/.test(decoded)) throw invalid(text, 'a separator (/, \\, ? or #)');
    if (decoded.includes('..') || decoded === '.') throw invalid(text, 'a dot segment');
    if (/[\0-\x1f\x7f]/.test(decoded)) throw invalid(text, 'a control character');
    const next = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    if (next === decoded) return text;
    if (turns === 8) throw invalid(text, 'a value that is percent-encoded too often');
    decoded = next;
  }
}

function invalid(text, what) {
  return new RouteError('ROUTE_INVALID', `the value ${JSON.stringify(text)} put into the path of a route holds ${what}; encode it, or put it after the "?"`);
}

function isDots(segment) {
  const plain = segment.replace(/%2e/gi, '.').replace(/[\0\t\n\r]/g, '');
  return plain === '.' || plain === '..';
}

/**
 * Makes a Route of a path that the caller vouches for. Nothing is checked but that it
 * is a path: it must start with `/`.
 * @param {string} path
 * @throws {RouteError} ROUTE_INVALID
 */
export function assumeTrustedRoute(path) {
  if (isRoute(path)) return path;
  if (typeof path !== 'string' || !path.startsWith('/')) throw new RouteError('ROUTE_INVALID', `a trusted route is a path that starts with "/", not ${typeof path === 'string' ? JSON.stringify(path) : typeof path}`);
  return new Route(path, door);
}

/**
 * Makes a Route of the path, query and fragment of an absolute URL that the product
 * itself gave, for instance the link to a next page. The host part is dropped: the
 * request goes to the product that it is made with.
 * @param {string | URL} url
 * @throws {RouteError} ROUTE_INVALID
 */
export function routeFromAbsolute(url) {
  let parsed;
  try {
    parsed = new URL(String(url));
  } catch {
    throw new RouteError('ROUTE_INVALID', `${JSON.stringify(String(url))} is not an absolute URL`);
  }
  if (!/^https?:$/.test(parsed.protocol)) throw new RouteError('ROUTE_INVALID', `${parsed.protocol} URLs have no route`);
  return new Route(parsed.pathname + parsed.search + parsed.hash, door);
}

/**
 * The text of a Route.
 * @throws {RouteError} ROUTE_REQUIRED for anything else, a bare string above all
 */
export function pathOf(value) {
  if (isRoute(value)) return value.value;
  throw new RouteError('ROUTE_REQUIRED', `a product path must be a route: write route\`…\` in place of ${typeof value === 'string' ? JSON.stringify(value) : typeof value}`);
}
