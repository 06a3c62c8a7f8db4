/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
export const publish: NotOffered;
export const publishGlobal: NotOffered;
export const signRealtimeToken: NotOffered;
export const subscribe: NotOffered;
export const subscribeGlobal: NotOffered;
declare const all: Record<string, NotOffered>;
export default all;
