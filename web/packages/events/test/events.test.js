import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { host } from '../../runtime/test/mock-kernel.js';
import { appEvents, InvalidPushSettingsError, InvalidQueueNameError, InvocationError, JobDoesNotExistError, NoEventsToPushError, Queue } from '../src/index.js';

beforeEach(() => host.reset());

const sent = (n) => JSON.parse(typeof host.calls[n].body === 'string' ? host.calls[n].body : new TextDecoder().decode(host.calls[n].body));

test('events are pushed as they are, payloads of the older form as bodies', async () => {
  host.on('queue.push', () => ({ head: { jobId: 'j' } }));
  const queue = new Queue({ key: 'q' });
  const event = { body: { a: 1 }, delayInSeconds: 5, concurrency: { key: 'k', limit: 2 } };
  assert.deepEqual(await queue.push(event), { jobId: 'j' });
  assert.deepEqual(await queue.push([event, { body: {} }]), { jobId: 'j' });
  assert.equal(await queue.push({ hello: 'world' }, { delayInSeconds: 3 }), 'j');
  assert.equal(await queue.push([{ a: 1 }, 'text']), 'j');
  assert.deepEqual([0, 1, 2, 3].map(sent), [
    { queue: 'q', events: [event] }, { queue: 'q', events: [event, { body: {} }] },
    { queue: 'q', events: [{ body: { hello: 'world' }, delayInSeconds: 3 }] },
    { queue: 'q', events: [{ body: { a: 1 }, delayInSeconds: 0 }, { body: 'text', delayInSeconds: 0 }] },
  ]);
});

test('what is no event is refused before it leaves', async () => {
  const queue = new Queue({ key: 'q' });
  await assert.rejects(queue.push([]), NoEventsToPushError);
  await assert.rejects(queue.push(), InvalidPushSettingsError);
  await assert.rejects(queue.push({ body: 'text' }), InvalidPushSettingsError);
  assert.throws(() => new Queue({ key: 'a b' }), InvalidQueueNameError);
  assert.equal(host.calls.length, 0);
});

test('jobs', async () => {
  host.on('queue.stats', ({ jobId }) => ({ head: { success: 1, inProgress: 2, failed: jobId.length } }));
  host.on('queue.cancel', () => { throw Object.assign(new Error('no'), { code: 'JOB_DOES_NOT_EXIST', status: 404 }); });
  const job = new Queue({ key: 'q' }).getJob({ jobId: 'abc' });
  const stats = await job.getStats();
  assert.deepEqual({ ...stats }, { success: 1, inProgress: 2, failed: 3 });
  assert.deepEqual(await stats.json(), { ...stats });
  const err = await job.cancel().catch((e) => e);
  assert.ok(err instanceof JobDoesNotExistError && err instanceof Error);
  assert.deepEqual([err.name, err.code], ['JobDoesNotExistError', 'JOB_DOES_NOT_EXIST']);
});

test('an answer that asks for another try is data', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(new InvocationError({ retryAfter: 5 }))), { _retry: true, retryOptions: { retryAfter: 5 } });
});

test('app events', async () => {
  host.on('events.publish', () => ({ head: {} }));
  await appEvents.publish({ key: 'a' });
  assert.deepEqual(host.calls[0].head, { events: [{ key: 'a' }] });
});
