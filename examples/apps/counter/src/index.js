import { fetch } from '@forge/api';
import kvs from '@forge/kvs';

// On a platform that reuses processes this would count up, for all customers together.
let calls = 0;

const json = (statusCode, value) => ({
  statusCode,
  headers: { 'content-type': ['application/json'] },
  body: JSON.stringify(value, null, 2) + '\n',
});

export async function count() {
  calls += 1;
  const stored = ((await kvs.get('calls')) ?? 0) + 1;
  await kvs.set('calls', stored);
  console.log('counted', { calls, stored });
  return json(200, { atModuleScope: calls, stored });
}

// GET ?url=https://… tries to fetch it. Only api.example.com is in the manifest.
export async function ask(request) {
  const url = request?.queryParameters?.url?.[0] ?? 'https://evil.example.net/';
  try {
    const answer = await fetch(url);
    return json(200, { url, status: answer.status });
  } catch (err) {
    console.warn('refused', { url, code: err.code, reasonId: err.reasonId });
    return json(403, { url, code: err.code, message: err.message, allowedBy: err.allowedBy, reasonId: err.reasonId });
  }
}
