// lru-cache: eviction and time to live
import assert from 'node:assert/strict';
import { LRUCache } from 'lru-cache';
export async function run() {
  const cache = new LRUCache({ max: 2, ttl: 1000 });
  cache.set('a', 1); cache.set('b', 2); cache.set('c', 3);
  assert.deepEqual([cache.get('a'), cache.get('c'), cache.size], [undefined, 3, 2]);
}
