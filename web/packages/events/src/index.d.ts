export interface PushEvent { body: Record<string, any>; delayInSeconds?: number; concurrency?: { key: string; limit: number } }
export interface AsyncEvent<Body = any> { body: Body; jobId: string; eventId: string; queueName: string; retryContext?: RetryContext }
export interface RetryContext {
  retryCount: number;
  retryReason: string;
  retryData?: any;
  /** Of a queued event: since when it is tried, and how long still. */
  retentionWindow?: { startTime: string; remainingTimeMs: number };
}
export interface RetryOptions {
  /** Seconds, at most 900. */
  retryAfter?: number;
  retryReason?: string;
  /** At most 4 KB. */
  retryData?: unknown;
}
/** A queue of the manifest's consumers. */
export class Queue {
  constructor(options: { key: string });
  readonly key: string;
  /** Resolves when the events are kept; at most 50. */
  push(events: PushEvent | PushEvent[]): Promise<{ jobId: string }>;
  /** The older form: payloads in place of events, and the job's id alone. */
  push(payloads: any, options?: { delayInSeconds?: number }): Promise<string>;
  getJob(id: string | { jobId: string }): JobProgress;
}
export class JobProgress {
  constructor(id: string);
  readonly id: string;
  getStats(): Promise<{ success: number; inProgress: number; failed: number }>;
  cancel(): Promise<void>;
}
/** Returned by a consumer: the event is delivered again. */
export class InvocationError {
  constructor(options?: RetryOptions);
  readonly retryOptions: RetryOptions;
}
export const InvocationErrorCode: {
  readonly FUNCTION_RETRY_REQUEST: 'FUNCTION_RETRY_REQUEST'; readonly FUNCTION_UPSTREAM_RATE_LIMITED: 'FUNCTION_UPSTREAM_RATE_LIMITED';
  readonly FUNCTION_TIME_OUT: 'FUNCTION_TIME_OUT'; readonly FUNCTION_OUT_OF_MEMORY: 'FUNCTION_OUT_OF_MEMORY';
  readonly FUNCTION_PLATFORM_RATE_LIMITED: 'FUNCTION_PLATFORM_RATE_LIMITED'; readonly FUNCTION_PLATFORM_UNKNOWN_ERROR: 'FUNCTION_PLATFORM_UNKNOWN_ERROR';
};
export class InvalidQueueNameError extends Error {}
export class InvalidPushSettingsError extends Error {}
export class NoEventsToPushError extends Error {}
export class TooManyEventsError extends Error {}
export class PayloadTooBigError extends Error {}
export class RateLimitError extends Error {}
export class PartialSuccessError extends Error {}
export class JobDoesNotExistError extends Error {}
export class InvocationLimitReachedError extends Error {}
export class InternalServerError extends Error {}
export const appEvents: { publish(events: { key: string } | { key: string }[]): Promise<{ type: string; failedEvents: unknown[] }> };
declare const events: { Queue: typeof Queue; InvocationError: typeof InvocationError; InvocationErrorCode: typeof InvocationErrorCode };
export default events;
