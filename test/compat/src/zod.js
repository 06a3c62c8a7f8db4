// zod: objects, unions, transforms, error texts
import assert from 'node:assert/strict';
import { z } from 'zod';
export async function run() {
  const user = z.object({ name: z.string().min(2), age: z.coerce.number().int(), tags: z.array(z.enum(['a', 'b'])).default([]) });
  assert.deepEqual(user.parse({ name: 'Alice', age: '7' }), { name: 'Alice', age: 7, tags: [] });
  const bad = user.safeParse({ name: 'A', age: 1.5, tags: ['c'] });
  assert.equal(bad.success, false);
  assert.equal(bad.error.issues.length, 3);
}
