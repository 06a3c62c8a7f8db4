// node:querystring.
const hex = /%([0-9a-f]{2})/gi;

/** Percent-decodes; malformed sequences are left or replaced, never an error. */
export function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(hex, (_, h) => String.fromCharCode(parseInt(h, 16)));
  }
}
export const escape = (text) => encodeURIComponent(text);

const printed = (value) => {
  switch (typeof value) {
    case 'string': return value;
    case 'number': return Number.isFinite(value) ? String(value) : '';
    case 'bigint': case 'boolean': return String(value);
    default: return '';
  }
};

export function stringify(values, separator = '&', equals = '=', options = {}) {
  const encode = options?.encodeURIComponent ?? querystring.escape;
  if (typeof values !== 'object' || values === null) return '';
  return Object.keys(values).flatMap((key) => {
    const list = Array.isArray(values[key]) ? values[key] : [values[key]];
    return list.map((value) => encode(printed(key)) + equals + encode(printed(value)));
  }).join(separator);
}

export function parse(text, separator = '&', equals = '=', options = {}) {
  const out = Object.create(null);
  if (typeof text !== 'string' || text === '') return out;
  const decode = options?.decodeURIComponent ?? querystring.unescape;
  const max = options?.maxKeys ?? 1000;
  let parts = text.split(separator);
  if (max > 0) parts = parts.slice(0, max);
  for (const part of parts) {
    if (part === '') continue;
    const at = part.indexOf(equals);
    const name = decode((at < 0 ? part : part.slice(0, at)).replace(/\+/g, ' '));
    const value = at < 0 ? '' : decode(part.slice(at + equals.length).replace(/\+/g, ' '));
    if (!(name in out)) out[name] = value;
    else if (Array.isArray(out[name])) out[name].push(value);
    else out[name] = [out[name], value];
  }
  return out;
}
export const encode = stringify;
export const decode = parse;

const querystring = { escape, unescape, stringify, parse, encode, decode };
export default querystring;
