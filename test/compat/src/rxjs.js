// rxjs: operators, timers, promises
import assert from 'node:assert/strict';
import { firstValueFrom, from, interval, map, mergeMap, take, toArray } from 'rxjs';
export async function run() {
  assert.deepEqual(await firstValueFrom(from([1, 2]).pipe(mergeMap(async (n) => n * 2), toArray())), [2, 4]);
  assert.deepEqual(await firstValueFrom(interval(1).pipe(take(3), map((n) => n + 1), toArray())), [1, 2, 3]);
}
