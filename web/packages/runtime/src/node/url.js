// node:url: the standard's classes, and the old parser of the npm package of that name.
import '../web/early.js';
import url from 'url/url.js';
import { notOfferedNow } from '../faults.js';
import { URL, URLSearchParams } from '../web/url.js';

export const { parse, resolve, resolveObject, Url } = url;
export { URL, URLSearchParams };

/** As the old format for parsed objects, and `href` for URLs (options fragment, search, auth). */
export function format(value, options) {
  if (!(value instanceof URL)) return url.format(value);
  const copy = new URL(value.href);
  if (options?.fragment === false) copy.hash = '';
  if (options?.search === false) copy.search = '';
  if (options?.auth === false) copy.username = copy.password = '';
  return copy.href;
}

export function fileURLToPath(value) {
  const parsed = new URL(String(value));
  if (parsed.protocol !== 'file:') throw Object.assign(new TypeError('The URL must be of scheme file'), { code: 'ERR_INVALID_URL_SCHEME' });
  if (parsed.hostname) throw Object.assign(new TypeError('File URL host must be "localhost" or empty'), { code: 'ERR_INVALID_FILE_URL_HOST' });
  if (/%2f/i.test(parsed.pathname)) throw Object.assign(new TypeError('File URL path must not include encoded / characters'), { code: 'ERR_INVALID_FILE_URL_PATH' });
  return decodeURIComponent(parsed.pathname);
}

export function pathToFileURL(path) {
  const made = new URL('file:///');
  const absolute = path.startsWith('/') ? path : `/app/${path}`;
  made.pathname = absolute.replace(/%/g, '%25').replace(/\\/g, '%5C').replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/\t/g, '%09').replace(/\?/g, '%3F').replace(/#/g, '%23');
  return made;
}

export function urlToHttpOptions(value) {
  return {
    protocol: value.protocol, hostname: value.hostname.replace(/^\[|\]$/g, ''), hash: value.hash, search: value.search, pathname: value.pathname,
    path: `${value.pathname}${value.search}`, href: value.href, ...(value.port && { port: Number(value.port) }),
    ...((value.username || value.password) && { auth: `${decodeURIComponent(value.username)}:${decodeURIComponent(value.password)}` }),
  };
}

export function domainToASCII(domain) {
  try {
    return new URL(`ws://${domain}`).hostname;
  } catch {
    return '';
  }
}
export const domainToUnicode = notOfferedNow('url.domainToUnicode');

export default { ...url, URL, URLSearchParams, format, fileURLToPath, pathToFileURL, urlToHttpOptions, domainToASCII, domainToUnicode };
