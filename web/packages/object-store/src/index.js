// @annex/object-store: object storage. Not offered.
import { notOffered } from '@annex/runtime/faults';

export const objectStore = Object.freeze(Object.fromEntries(
  ['put', 'get', 'delete', 'getMetadata', 'list', 'createUploadUrl', 'createDownloadUrl'].map((m) => [m, notOffered(`objectStore.${m}`)]),
));
export const createUploadUrl = notOffered('createUploadUrl');
export const createDownloadUrl = notOffered('createDownloadUrl');
export default objectStore;
