// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export const customMetrics: any;
export const internalMetrics: any;
declare const all: any;
export default all;
