// @annex/ui-jira, inside a function: see @annex/ui.

export const AdminPage = 'AdminPage';
export const IssueAction = 'IssueAction';
export const IssueActivity = 'IssueActivity';
export const IssueContext = 'IssueContext';
export const IssueGlance = 'IssueGlance';
export const IssuePanel = 'IssuePanel';
export const IssuePanelAction = 'IssuePanelAction';
export const ProjectPage = 'ProjectPage';
export const ProjectSettingsPage = 'ProjectSettingsPage';
export const GlobalPage = 'GlobalPage';
export const CustomField = 'CustomField';
export const CustomFieldEdit = 'CustomFieldEdit';
export const DashboardGadget = 'DashboardGadget';
export const DashboardGadgetEdit = 'DashboardGadgetEdit';
export const JiraBoardAction = 'JiraBoardAction';

export { useIssueProperty, useProjectProperty } from '@annex/ui/hooks';
export default { IssuePanel, IssueGlance, CustomField };
