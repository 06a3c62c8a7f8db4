/** Something that this platform does not offer: a call rejects with the code NOT_OFFERED. */
export type NotOffered = (...args: any[]) => Promise<never>;
/** Can be made; open rejects with NOT_OFFERED. */
export class CreateIssueModal {
  constructor(options?: unknown);
  open(): Promise<never>;
}
/** Can be made; open rejects with NOT_OFFERED. */
export class ViewIssueModal {
  constructor(options?: unknown);
  open(): Promise<never>;
}
export const getContext: NotOffered;
export const uiModificationsApi: { onInit: NotOffered; onChange: NotOffered; onError: NotOffered };
export const workflowRules: { onConfigure: NotOffered };
declare const all: { ViewIssueModal: typeof ViewIssueModal; CreateIssueModal: typeof CreateIssueModal; uiModificationsApi: typeof uiModificationsApi; workflowRules: typeof workflowRules };
export default all;
