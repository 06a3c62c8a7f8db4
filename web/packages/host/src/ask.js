// Questions to the bridge, with the session that only this page's memory holds.

let token = '';
let renewed = null; // a promise while the session is over and another is awaited
let onExpired = () => {};

export class AskError extends Error {
  constructor(e = {}) {
    super(e.message ?? 'The server does not answer.');
    this.code = e.code ?? 'UNREACHABLE';
    this.fields = e.fields ?? {};
    this.fix = e.fix;
    this.reasonId = e.reasonId;
  }

  /** wire is the error as an app's page gets it. */
  wire() {
    const { name, message, ...rest } = this.fields;
    return { name: name ?? 'Error', message: message ?? this.message, code: this.code, ...rest, ...(this.reasonId && { reasonId: this.reasonId }), ...(this.fix && { allowedBy: this.fix }) };
  }
}

export function useSession(secret) {
  token = secret;
  renewed?.resolve();
  renewed = null;
}

export const session = () => token;

/** whenExpired is called once each time the session is over. */
export function whenExpired(fn) { onExpired = fn; }

/**
 * ask posts a question; text is its JSON, or a value. open asks for a session: the one that
 * there was goes along where renew says so.
 */
export async function ask(path, body, { open = false, renew = false, once = false } = {}) {
  let res;
  const used = token;
  try {
    res = await fetch(`/bridge/${path}`, {
      method: 'POST', credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
      headers: { 'content-type': 'application/json', ...((!open || renew) && used && { authorization: `Bearer ${used}` }) },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch {
    throw new AskError();
  }
  let out = {};
  try {
    out = await res.json();
  } catch { /* an answer of something between */ }
  if (res.ok) return out;
  if (res.status === 401 && out.error?.code === 'SIGNED_OUT' && !open && !once) {
    if (used !== token) return ask(path, body, { once: true }); // it was renewed meanwhile
    if (!renewed) {
      renewed = {};
      renewed.done = new Promise((resolve) => { renewed.resolve = resolve; });
      onExpired();
    }
    const waited = renewed.done;
    await Promise.race([waited, new Promise((_, reject) => { setTimeout(() => reject(new AskError(out.error)), 15_000); })]);
    return ask(path, body, { open, once: true });
  }
  throw new AskError(out.error ?? { code: `HTTP_${res.status}` });
}
