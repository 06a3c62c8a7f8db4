// @annex/realtime: channels between an app's functions and its pages. Not offered.
import { notOffered } from '@annex/runtime/faults';

export const publish = notOffered('publish');
export const publishGlobal = notOffered('publishGlobal');
export const signRealtimeToken = notOffered('signRealtimeToken');
export const subscribe = notOffered('subscribe');
export const subscribeGlobal = notOffered('subscribeGlobal');
export default { publish, publishGlobal, signRealtimeToken };
