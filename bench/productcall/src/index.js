import { asApp, route } from '@annex/api';

// Makes as many product calls as asked, one after the other.
export async function run(request) {
  const n = Number(request.body);
  for (let i = 0; i < n; i++) {
    const res = await asApp().requestProduct('things', route`/things/${i}?expand=${'all'}`);
    if (res.status !== 200 || (await res.json()).n !== i) throw new Error(`call ${i}: ${res.status}`);
  }
  return { statusCode: 200, body: String(n) };
}
