/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
export const chat: NotOffered;
export const list: NotOffered;
export const stream: NotOffered;
declare const all: { chat: NotOffered; list: NotOffered; stream: NotOffered };
export default all;
