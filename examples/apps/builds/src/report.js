// The receiver. Anybody who learns the address can call it: what they say counts only with a
// signature, and what they learn is one of the three answers that the manifest lists.
import { add, signingKey } from './store.js';

const RESULTS = ['passed', 'failed', 'running'];

export async function take(request) {
  const body = request.body ?? '';
  const header = request.headers?.['x-signature-256']?.[0] ?? '';
  if (!(await isSigned(body, header, await signingKey()))) {
    console.warn('a report without a valid signature');
    return { outputKey: 'unsigned' };
  }
  const report = parse(body);
  if (!report) return { outputKey: 'malformed' };
  await add(report);
  console.log('report', { issue: report.issue, result: report.result });
  return { outputKey: 'taken' };
}

// isSigned checks sha256=HEX, the HMAC of the body; verify compares in constant time.
async function isSigned(body, header, secret) {
  const hex = /^sha256=([0-9a-f]{64})$/.exec(header)?.[1];
  if (!hex) return false;
  const text = new TextEncoder();
  const key = await crypto.subtle.importKey('raw', text.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const signature = Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
  return crypto.subtle.verify('HMAC', key, signature, text.encode(body));
}

// parse keeps what a report consists of and nothing else.
function parse(body) {
  let said;
  try {
    said = JSON.parse(body);
  } catch {
    return null;
  }
  const { issue, build, result, branch = '', url = '' } = said ?? {};
  if (!/^[A-Z][A-Z0-9]+-\d+$/.test(issue) || !/^[\w.#-]{1,40}$/.test(build) || !RESULTS.includes(result)) return null;
  return { issue, build: String(build), result, branch: String(branch).slice(0, 100), url: /^https:\/\//.test(url) ? String(url).slice(0, 500) : '' };
}
