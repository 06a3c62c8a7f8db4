// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export const chat: any;
export const list: any;
export const stream: any;
declare const all: any;
export default all;
