// Not typed in detail yet: every member is listed, so that a wrong name is an error.
export class CreateIssueModal {
  constructor(options?: any);
  [member: string]: any;
}
export class ViewIssueModal {
  constructor(options?: any);
  [member: string]: any;
}
export const getContext: any;
export const uiModificationsApi: any;
export const workflowRules: any;
declare const all: any;
export default all;
