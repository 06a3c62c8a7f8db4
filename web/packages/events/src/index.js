// @annex/events: async queues, and the answer by which a function asks to be called again.
import { kernel } from '@annex/runtime/kernel';

/** Why a function asks to be called again. */
export const InvocationErrorCode = Object.freeze({
  FUNCTION_RETRY_REQUEST: 'FUNCTION_RETRY_REQUEST',
  FUNCTION_UPSTREAM_RATE_LIMITED: 'FUNCTION_UPSTREAM_RATE_LIMITED',
  FUNCTION_TIME_OUT: 'FUNCTION_TIME_OUT',
  FUNCTION_OUT_OF_MEMORY: 'FUNCTION_OUT_OF_MEMORY',
  FUNCTION_PLATFORM_RATE_LIMITED: 'FUNCTION_PLATFORM_RATE_LIMITED',
  FUNCTION_PLATFORM_UNKNOWN_ERROR: 'FUNCTION_PLATFORM_UNKNOWN_ERROR',
});

/** Returned (not thrown) by a consumer: the event is delivered again after retryAfter seconds. */
export class InvocationError {
  /** @param {{retryAfter?: number, retryReason?: string, retryData?: unknown}} [options] at most 900 s and 4 KB of data */
  constructor(options = {}) {
    this._retry = true;
    this.retryOptions = options;
  }
}

class QueueError extends Error {
  constructor(message, fields = {}) {
    super(message);
    this.name = new.target.name;
    Object.assign(this, fields);
  }
}
export class InvalidQueueNameError extends QueueError {}
export class InvalidPushSettingsError extends QueueError {}
export class NoEventsToPushError extends QueueError {}
export class TooManyEventsError extends QueueError {}
export class PayloadTooBigError extends QueueError {}
export class RateLimitError extends QueueError {}
export class PartialSuccessError extends QueueError {}
export class JobDoesNotExistError extends QueueError {}
export class InvocationLimitReachedError extends QueueError {}
export class InternalServerError extends QueueError {}

const classes = {
  INVALID_QUEUE_NAME: InvalidQueueNameError,
  INVALID_PUSH_SETTINGS: InvalidPushSettingsError,
  NO_EVENTS_TO_PUSH: NoEventsToPushError,
  TOO_MANY_EVENTS: TooManyEventsError,
  PAYLOAD_TOO_BIG: PayloadTooBigError,
  LIMIT_QUEUE: RateLimitError,
  JOB_DOES_NOT_EXIST: JobDoesNotExistError,
  INVOCATION_LIMIT_REACHED: InvocationLimitReachedError,
};

// call gives refusals the class that apps test for; code and figures stay.
async function call(method, head, body) {
  try {
    return (await kernel.call(method, head, body)).head;
  } catch (err) {
    const cls = classes[err?.code] ?? (err?.status >= 500 ? InternalServerError : undefined);
    if (cls !== undefined) {
      Object.setPrototypeOf(err, cls.prototype);
      err.name = cls.name;
    }
    throw err;
  }
}

const settings = ['body', 'delayInSeconds', 'concurrency'];
const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const isEvent = (v) => isObject(v) && Object.hasOwn(v, 'body') && Object.keys(v).every((k) => settings.includes(k));

/** A queue of the manifest's consumers. */
export class Queue {
  /**
   * @param {{key: string}} options
   * @throws {InvalidQueueNameError}
   */
  constructor({ key } = {}) {
    if (typeof key !== 'string' || !/^[a-zA-Z0-9-_]{1,36}$/.test(key)) {
      throw new InvalidQueueNameError(`a queue's key is 1 to 36 letters, digits, "-" and "_", not ${JSON.stringify(key)}`);
    }
    this.key = key;
  }

  /**
   * Pushes one event or up to 50. Resolves when they are kept: each is handled at least once.
   * The older form takes payloads in place of events, of any kind, and resolves to the job's id alone.
   * @returns {Promise<{jobId: string}>}
   */
  async push(events, options) {
    const list = Array.isArray(events) ? events : [events];
    if (list.length === 0) throw new NoEventsToPushError('there is no event to push');
    const old = !list.every(isEvent);
    if (old && !list.every((v) => v !== undefined && v !== null)) throw new InvalidPushSettingsError('an event is {body, delayInSeconds, concurrency}');
    const sent = old ? list.map((payload) => ({ body: payload, delayInSeconds: options?.delayInSeconds ?? 0 })) : list;
    for (const event of old ? [] : sent) {
      if (!isObject(event.body)) throw new InvalidPushSettingsError('the body of an event is an object');
    }
    const { jobId } = await call('queue.push', {}, JSON.stringify({ queue: this.key, events: sent }));
    return old ? jobId : { jobId };
  }

  /** What became of a push. @param {string | {jobId: string}} id */
  getJob(id) { return new JobProgress(isObject(id) ? id.jobId : id); }
}

/** What became of a push. */
export class JobProgress {
  constructor(id) { this.id = id; }

  /** @returns {Promise<{success: number, inProgress: number, failed: number}>} */
  async getStats() {
    const stats = await call('queue.stats', { jobId: String(this.id) });
    // Apps written for the first form read it as a response.
    return Object.defineProperty(stats, 'json', { value: async () => ({ ...stats }), enumerable: false });
  }

  /** Ends the events of the push that have not begun. */
  async cancel() { await call('queue.cancel', { jobId: String(this.id) }); }
}

/** Events that the app itself publishes. */
export const appEvents = Object.freeze({
  /** Tells the apps that the manifest allows. @param {{key: string} | {key: string}[]} events at most ten */
  async publish(events) {
    const list = (Array.isArray(events) ? events : [events]).map((e) => ({ key: e?.key }));
    await call('events.publish', { events: list });
    return { type: 'success', failedEvents: [] };
  },
});
export default { Queue, InvocationError, InvocationErrorCode };
