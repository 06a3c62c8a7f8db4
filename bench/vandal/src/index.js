// An app that takes what it can get, each function of one thing.
import { fetch } from '@forge/api';
import { Queue } from '@forge/events';

const answer = { statusCode: 200, body: 'done' };

// Everything that keeps an engine busy, in turns: scripts, big integers, sparse arrays.
export async function cpu() {
  const sparse = [];
  sparse.length = 2 ** 32 - 1;
  for (const until = Date.now() + 3000; Date.now() < until; ) {
    for (let i = 0; i < 1e6; i++);
    String(3n ** 20000n);
  }
  sparse.join('');
  return answer;
}

export async function memory() {
  const all = [];
  for (;;) all.push(new Uint8Array(1 << 20).fill(1));
}

export async function outbound() {
  for (;;) {
    await Promise.all(Array.from({ length: 32 }, () => fetch('https://nowhere.example/', { method: 'POST', body: 'x'.repeat(1 << 18) }).catch(() => {})));
  }
}

export async function logs() {
  for (;;) console.log('x'.repeat(2000), { a: [1, 2, 3] });
}

// Fifty at once, as fast as they are taken; the consumer keeps its place for a while.
export async function queue() {
  const flood = new Queue({ key: 'flood' });
  for (;;) await flood.push(Array.from({ length: 50 }, (_, n) => ({ body: { n, text: 'x'.repeat(2000) } })));
}

export async function drain() {
  for (const until = Date.now() + 200; Date.now() < until; );
}
