// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export const publish: any;
export const publishGlobal: any;
export const signRealtimeToken: any;
export const subscribe: any;
export const subscribeGlobal: any;
declare const all: any;
export default all;
