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

/** passing says of an error whether the same question may have an answer in a moment. */
export const passing = (e) => e.code === 'UNREACHABLE' || e.code === 'POLICY_STALE' || e.fields?.retryable === true || /^HTTP_5/.test(e.code);

/** patiently asks again while what is in the way passes, for a quarter of a minute. */
export async function patiently(act) {
  for (let pause = 250; ; pause *= 2) {
    try {
      return await act();
    } catch (e) {
      if (pause > 8000 || !passing(e)) throw e;
      await new Promise((r) => { setTimeout(r, pause); });
    }
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

const framedType = 'application/vnd.annex.framed';

/** unframed takes a message apart: a line of JSON, and bytes. */
async function unframed(res) {
  const all = new Uint8Array(await res.arrayBuffer());
  const end = all.indexOf(10);
  return { ...JSON.parse(new TextDecoder().decode(all.subarray(0, end))), bytes: all.subarray(end + 1) };
}

/**
 * ask posts a question; text is its JSON, or a value. open asks for a session: the one that
 * there was goes along where renew says so. With bytes, they follow the question as they are,
 * and so they do in the answer.
 */
export async function ask(path, body, { open = false, renew = false, once = false, bytes } = {}) {
  let res;
  const used = token;
  try {
    res = await fetch(`/bridge/${path}`, {
      method: 'POST', credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
      headers: { 'content-type': bytes ? framedType : 'application/json', ...((!open || renew) && used && { authorization: `Bearer ${used}` }) },
      body: bytes ? new Blob([`${JSON.stringify(body)}\n`, bytes]) : typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch {
    throw new AskError();
  }
  if (res.ok && bytes) {
    try {
      return await unframed(res);
    } catch {
      throw new AskError({ message: 'The answer did not arrive whole.' });
    }
  }
  let out = {};
  try {
    out = await res.json();
  } catch { /* an answer of something between */ }
  if (res.ok) return out;
  if (res.status === 401 && out.error?.code === 'SIGNED_OUT' && !open && !once) {
    if (used !== token) return ask(path, body, { once: true, bytes }); // it was renewed meanwhile
    if (!renewed) {
      renewed = {};
      renewed.done = new Promise((resolve) => { renewed.resolve = resolve; });
      onExpired();
    }
    const waited = renewed.done;
    await Promise.race([waited, new Promise((_, reject) => { setTimeout(() => reject(new AskError(out.error)), 15_000); })]);
    return ask(path, body, { open, once: true, bytes });
  }
  throw new AskError(out.error ?? { code: `HTTP_${res.status}` });
}
