/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
export const createDownloadUrl: NotOffered;
export const createUploadUrl: NotOffered;
export const objectStore: Record<'put' | 'get' | 'delete' | 'getMetadata' | 'list' | 'createUploadUrl' | 'createDownloadUrl', NotOffered>;
declare const all: typeof objectStore;
export default all;
