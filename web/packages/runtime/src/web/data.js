// data: URLs, as the fetch standard reads them.
import { formatMIME, parseMIME } from './mime.js';

/**
 * @param {URL} url
 * @returns {{type: string, bytes: Uint8Array} | null} null if it is malformed
 */
export function readDataURL(url) {
  url = new url.constructor(url);
  url.hash = '';
  const input = url.href.slice('data:'.length);
  const comma = input.indexOf(',');
  if (comma < 0) return null;
  let type = input.slice(0, comma).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '');
  let bytes = percentDecoded(input.slice(comma + 1));
  const base64 = /; *base64$/i.exec(type);
  if (base64) {
    let text = '';
    for (const b of bytes) text += String.fromCharCode(b);
    try {
      text = atob(text);
    } catch {
      return null;
    }
    bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    type = type.slice(0, base64.index);
  }
  if (type.startsWith(';')) type = `text/plain${type}`;
  const parsed = parseMIME(type);
  return { type: parsed ? formatMIME(parsed) : 'text/plain;charset=US-ASCII', bytes };
}

// The URL parser has left nothing but ASCII.
function percentDecoded(text) {
  const out = new Uint8Array(text.length);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '%' ? /^[0-9a-fA-F]{2}/.exec(text.slice(i + 1, i + 3)) : null;
    if (hex) i += 2;
    out[n++] = hex ? parseInt(hex[0], 16) : text.charCodeAt(i);
  }
  return out.subarray(0, n);
}
