// @annex/jira-bridge, inside a function: see @annex/bridge.
import { NotOfferedError, notOffered } from '@annex/runtime/faults';

const modal = (name) => ({ [name]: class {
  constructor(options = {}) { this.options = options; }
  async open() { throw new NotOfferedError(`${name}.open`); }
} })[name];

export const ViewIssueModal = modal('ViewIssueModal');
export const CreateIssueModal = modal('CreateIssueModal');
export const uiModificationsApi = Object.freeze({ onInit: notOffered('uiModificationsApi.onInit'), onChange: notOffered('uiModificationsApi.onChange'), onError: notOffered('uiModificationsApi.onError') });
export const workflowRules = Object.freeze({ onConfigure: notOffered('workflowRules.onConfigure') });
export const getContext = notOffered('getContext');
export default { ViewIssueModal, CreateIssueModal, uiModificationsApi, workflowRules };
