// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export class BridgeAPIError extends Error {}
export class FeatureFlags {
  constructor(options?: any);
  [member: string]: any;
}
export class Modal {
  constructor(options?: any);
  [member: string]: any;
}
export const NavigationTarget: Record<string, string>;
export const checkPermissions: any;
export const createUploadPromise: any;
export const events: any;
export const frontendCustomMetrics: any;
export const getCallBridge: any;
export const getContext: any;
export const i18n: any;
export const invoke: any;
export const invokeRemote: any;
export const invokeService: any;
export const makeInvoke: any;
export const objectStore: any;
export const permissions: any;
export const realtime: any;
export const requestBitbucket: any;
export const requestConfluence: any;
export const requestJira: any;
export const requestProduct: any;
export const requestRemote: any;
export const requestTeamworkGraph: any;
export const router: any;
export const rovo: any;
export const showFlag: any;
export const view: any;
declare const all: any;
export default all;
