// @annex/events: async queues, and the answer by which a function asks to be called again.
import { notOffered } from '@annex/runtime/faults';

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

/** A queue of the manifest's consumers. Pushing is not offered. */
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
    this.push = notOffered('Queue.push');
  }
  getJob(id) { return new JobProgress(id); }
}

/** What became of a push. Not offered. */
export class JobProgress {
  constructor(id) {
    this.id = id;
    this.getStats = notOffered('Job.getStats');
    this.cancel = notOffered('Job.cancel');
  }
}

/** Events that the app itself publishes. Not offered. */
export const appEvents = Object.freeze({ publish: notOffered('appEvents.publish') });
export default { Queue, InvocationError, InvocationErrorCode };
