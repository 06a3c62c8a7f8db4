/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
export interface Metrics {
  counter(name?: string, options?: unknown): { incr: NotOffered };
  gauge(name?: string, options?: unknown): { set: NotOffered };
  histogram(name?: string, options?: unknown): { record: NotOffered };
  timing(name?: string, options?: unknown): { measure: NotOffered };
}
export const customMetrics: Metrics;
export const internalMetrics: Metrics;
declare const all: Metrics;
export default all;
