// FormData, and its multipart form in both directions.
import { kernel } from '@annex/runtime/kernel';
import { Blob, File, bytesOfBlob, renamed } from './blob.js';
import { concat, text, utf8 } from './bytes.js';
import { defineInterface, iterable, need, usv } from './webidl.js';

export class FormData {
  #entries = []; // [name, string | File]

  constructor(form = undefined) {
    if (form !== undefined) throw new TypeError('FormData: there are no forms here');
  }

  append(name, value, filename = undefined) {
    need(arguments.length, 2, 'FormData.append');
    this.#entries.push(entry(name, value, filename, arguments.length));
  }
  delete(name) {
    need(arguments.length, 1, 'FormData.delete');
    name = usv(name);
    this.#entries = this.#entries.filter(([n]) => n !== name);
  }
  get(name) {
    need(arguments.length, 1, 'FormData.get');
    name = usv(name);
    return this.#entries.find(([n]) => n === name)?.[1] ?? null;
  }
  getAll(name) {
    need(arguments.length, 1, 'FormData.getAll');
    name = usv(name);
    return this.#entries.filter(([n]) => n === name).map(([, v]) => v);
  }
  has(name) {
    need(arguments.length, 1, 'FormData.has');
    name = usv(name);
    return this.#entries.some(([n]) => n === name);
  }
  set(name, value, filename = undefined) {
    need(arguments.length, 2, 'FormData.set');
    const made = entry(name, value, filename, arguments.length);
    const at = this.#entries.findIndex(([n]) => n === made[0]);
    if (at < 0) {
      this.#entries.push(made);
      return;
    }
    this.#entries = this.#entries.filter(([n], i) => i <= at || n !== made[0]);
    this.#entries[at] = made;
  }

  static at(form, index) { return form.#entries[index]; }
}
const { at } = FormData;
delete FormData.at;
iterable(FormData, 'FormData', at);
defineInterface(FormData, 'FormData');

function entry(name, value, filename, given) {
  name = usv(name);
  if (!(value instanceof Blob)) {
    if (given > 2) throw new TypeError('FormData: only a Blob has a file name');
    return [name, usv(value)];
  }
  if (filename !== undefined) return [name, renamed(value, filename)];
  return [name, value instanceof File ? value : renamed(value, 'blob')];
}

const quoted = (s) => s.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22');
const crlf = (s) => s.replace(/\r\n|\r|\n/g, '\r\n');

/** The multipart/form-data body of a form: `{ type, bytes }`. */
export function encodeMultipart(form) {
  let boundary = '----annex';
  for (const b of kernel.random(12)) boundary += b.toString(16).padStart(2, '0');
  const parts = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(crlf(name))}"`;
    if (typeof value === 'string') parts.push(utf8(`${head}\r\n\r\n${crlf(value)}\r\n`));
    else parts.push(utf8(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`), bytesOfBlob(value), utf8('\r\n'));
  }
  parts.push(utf8(`--${boundary}--\r\n`));
  return { type: `multipart/form-data; boundary=${boundary}`, bytes: concat(parts) };
}

/**
 * Reads a multipart/form-data body.
 * @throws {TypeError} if the body is malformed
 */
export function decodeMultipart(bytes, contentType) {
  const given = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (!given) throw new TypeError('formData: the content type has no boundary');
  const mark = utf8(`--${given[1] ?? given[2]}`);
  const form = new FormData();
  let at = find(bytes, mark, 0);
  if (at < 0) throw new TypeError('formData: the boundary does not occur in the body');
  at += mark.length;
  for (;;) {
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return form;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) throw new TypeError('formData: malformed multipart body');
    const head = find(bytes, [13, 10, 13, 10], at);
    const end = find(bytes, [13, 10, ...mark], head < 0 ? bytes.length : head + 2);
    if (head < 0 || end < 0) throw new TypeError('formData: the multipart body ends early');
    addPart(form, text(bytes.subarray(at + 2, head)), bytes.subarray(head + 4, Math.max(end, head + 4)));
    at = end + 2 + mark.length;
  }
}

function addPart(form, head, body) {
  const name = /^content-disposition:\s*form-data\b.*?;\s*name="([^"]*)"/im.exec(head)?.[1];
  if (name === undefined) throw new TypeError('formData: a part has no name');
  const unquote = (s) => s.replace(/%0A/gi, '\n').replace(/%0D/gi, '\r').replace(/%22/g, '"');
  const file = /^content-disposition:.*?;\s*filename="([^"]*)"/im.exec(head)?.[1];
  if (file === undefined) {
    form.append(unquote(name), text(body));
    return;
  }
  const type = /^content-type:[\t ]*(.*?)[\t ]*$/im.exec(head)?.[1] || 'text/plain';
  form.append(unquote(name), new File([body], unquote(file), { type }));
}

function find(bytes, what, from) {
  for (let i = bytes.indexOf(what[0], from); i >= 0; i = bytes.indexOf(what[0], i + 1)) {
    let n = 1;
    while (n < what.length && bytes[i + n] === what[n]) n++;
    if (n === what.length) return i;
  }
  return -1;
}
