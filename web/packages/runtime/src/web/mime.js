// MIME types, as the MIME sniffing standard parses and writes them.

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const quotable = /^[\t\x20-\x7e\x80-\xff]*$/;
const trimmed = (text) => text.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');

/** @returns {{type: string, parameters: Map<string, string>} | null} */
export function parseMIME(text) {
  text = trimmed(text);
  const essence = /^([^/]*)\/([^;]*)/.exec(text);
  if (!essence) return null;
  const subtype = essence[2].replace(/[\t\n\r ]+$/, '');
  if (!token.test(essence[1]) || !token.test(subtype)) return null;
  const parameters = new Map();
  let at = essence[0].length;
  while (at < text.length) {
    at++; // the semicolon
    while ('\t\n\r '.includes(text[at] ?? 'x')) at++;
    const start = at;
    while (at < text.length && text[at] !== ';' && text[at] !== '=') at++;
    const name = text.slice(start, at).toLowerCase();
    if (text[at] !== '=') continue;
    at++;
    let value = '';
    if (text[at] === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === '\\' && at + 1 < text.length) at++;
        value += text[at];
      }
      while (at < text.length && text[at] !== ';') at++;
    } else {
      const from = at;
      while (at < text.length && text[at] !== ';') at++;
      value = text.slice(from, at).replace(/[\t\n\r ]+$/, '');
      if (value === '') continue;
    }
    if (token.test(name) && quotable.test(value) && !parameters.has(name)) parameters.set(name, value);
  }
  return { type: `${essence[1]}/${subtype}`.toLowerCase(), parameters };
}

/** The text of a parsed type. */
export function formatMIME({ type, parameters }) {
  let text = type;
  for (const [name, value] of parameters) text += `;${name}=${token.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`}`;
  return text;
}

/** The type that headers name, null if they name none: the last that can be parsed. */
export function typeOfHeaders(headers) {
  const all = headers.get('content-type');
  if (all === null) return null;
  let found = null;
  let charset = null;
  for (const part of splitList(all)) {
    const parsed = parseMIME(part);
    if (parsed === null || parsed.type === '*/*') continue;
    if (found === null || parsed.type !== found.type) {
      charset = parsed.parameters.get('charset') ?? null;
    } else if (!parsed.parameters.has('charset') && charset !== null) {
      parsed.parameters.set('charset', charset);
    }
    found = parsed;
  }
  return found;
}

// splitList splits at the commas that are in no quoted string.
function splitList(text) {
  const parts = [];
  let part = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (quoted && text[i] === '\\' && i + 1 < text.length) {
      part += text[i] + text[++i];
      continue;
    }
    if (text[i] === '"') quoted = !quoted;
    if (text[i] === ',' && !quoted) {
      parts.push(part);
      part = '';
    } else {
      part += text[i];
    }
  }
  return [...parts, part];
}
