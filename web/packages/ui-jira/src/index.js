// @annex/ui-jira, inside a function: see @annex/ui.
import { component, hook } from '@annex/runtime/components';

export const AdminPage = component('AdminPage');
export const IssueAction = component('IssueAction');
export const IssueActivity = component('IssueActivity');
export const IssueContext = component('IssueContext');
export const IssueGlance = component('IssueGlance');
export const IssuePanel = component('IssuePanel');
export const IssuePanelAction = component('IssuePanelAction');
export const ProjectPage = component('ProjectPage');
export const ProjectSettingsPage = component('ProjectSettingsPage');
export const GlobalPage = component('GlobalPage');
export const CustomField = component('CustomField');
export const CustomFieldEdit = component('CustomFieldEdit');
export const DashboardGadget = component('DashboardGadget');
export const DashboardGadgetEdit = component('DashboardGadgetEdit');
export const JiraBoardAction = component('JiraBoardAction');

export const useIssueProperty = hook('useIssueProperty');
export const useProjectProperty = hook('useProjectProperty');
export default { IssuePanel, IssueGlance, CustomField };
