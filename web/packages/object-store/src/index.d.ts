// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export const createDownloadUrl: any;
export const createUploadUrl: any;
export const objectStore: any;
declare const all: any;
export default all;
