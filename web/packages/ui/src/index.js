// @annex/ui: the first UI Kit. `render` makes of a tree what a UI Kit session shows; called
// as a function it rejects with NOT_OFFERED.
import { NotOfferedError } from '@annex/runtime/faults';
import { createElement } from '@annex/runtime/components';
import { renders } from '@annex/react/session';
import { open } from './engine.js';

export const Avatar = 'Avatar';
export const AvatarStack = 'AvatarStack';
export const Badge = 'Badge';
export const Button = 'Button';
export const ButtonSet = 'ButtonSet';
export const Cell = 'Cell';
export const Checkbox = 'Checkbox';
export const CheckboxGroup = 'CheckboxGroup';
export const Code = 'Code';
export const CodeBlock = 'CodeBlock';
export const DateLozenge = 'DateLozenge';
export const DatePicker = 'DatePicker';
export const Em = 'Em';
export const ErrorPanel = 'ErrorPanel';
export const Form = 'Form';
export const FormCondition = 'FormCondition';
export const Head = 'Head';
export const Heading = 'Heading';
export const Image = 'Image';
export const InlineDialog = 'InlineDialog';
export const Link = 'Link';
export const Lozenge = 'Lozenge';
export const ModalDialog = 'ModalDialog';
export const Option = 'Option';
export const Radio = 'Radio';
export const RadioGroup = 'RadioGroup';
export const Range = 'Range';
export const Row = 'Row';
export const SectionMessage = 'SectionMessage';
export const Select = 'Select';
export const StatusLozenge = 'StatusLozenge';
export const Strike = 'Strike';
export const Strong = 'Strong';
export const Tab = 'Tab';
export const Table = 'Table';
export const Tabs = 'Tabs';
export const Tag = 'Tag';
export const TagGroup = 'TagGroup';
export const Text = 'Text';
export const TextArea = 'TextArea';
export const TextField = 'TextField';
export const ThreeLOPrompt = 'ThreeLOPrompt';
export const Toggle = 'Toggle';
export const Tooltip = 'Tooltip';
export const User = 'User';
export const UserGroup = 'UserGroup';
export const UserPicker = 'UserPicker';
export const AdminPage = 'AdminPage';
export const ConfigForm = 'ConfigForm';
export const ContentAction = 'ContentAction';
export const ContentBylineItem = 'ContentBylineItem';
export const ContextMenu = 'ContextMenu';
export const CustomField = 'CustomField';
export const CustomFieldEdit = 'CustomFieldEdit';
export const DashboardGadget = 'DashboardGadget';
export const DashboardGadgetEdit = 'DashboardGadgetEdit';
export const GlobalPage = 'GlobalPage';
export const GlobalSettings = 'GlobalSettings';
export const HomepageFeed = 'HomepageFeed';
export const InlineDialogTrigger = 'InlineDialogTrigger';
export const IssueAction = 'IssueAction';
export const IssueActivity = 'IssueActivity';
export const IssueContext = 'IssueContext';
export const IssueGlance = 'IssueGlance';
export const IssuePanel = 'IssuePanel';
export const IssuePanelAction = 'IssuePanelAction';
export const JiraBoardAction = 'JiraBoardAction';
export const Macro = 'Macro';
export const MacroConfig = 'MacroConfig';
export const PortalFooter = 'PortalFooter';
export const PortalHeader = 'PortalHeader';
export const PortalProfilePanel = 'PortalProfilePanel';
export const PortalRequestDetail = 'PortalRequestDetail';
export const PortalRequestDetailPanel = 'PortalRequestDetailPanel';
export const PortalSubheader = 'PortalSubheader';
export const PortalUserMenuAction = 'PortalUserMenuAction';
export const ProjectPage = 'ProjectPage';
export const ProjectSettingsPage = 'ProjectSettingsPage';
export const QueuePage = 'QueuePage';
export const OrganizationPanel = 'OrganizationPanel';
export const SpacePage = 'SpacePage';
export const SpaceSettings = 'SpaceSettings';
export const WorkflowCondition = 'WorkflowCondition';

export { useAction, useConfig, useContentProperty, useEffect, useIssueProperty, useMemo, useProductContext, useRef, useSpaceProperty, useState } from './hooks.js';

/** Groups elements without drawing anything itself. */
export const Fragment = 'Fragment';

/** Makes of a tree what a module's function is to export. */
export function render(tree) {
  const handler = async () => { throw new NotOfferedError('a UI Kit tree outside of a user interface'); };
  handler[renders] = (send) => open(tree, send);
  return handler;
}

/** What JSX becomes: `ForgeUI.createElement`, `ForgeUI.Fragment`. */
const ForgeUI = Object.freeze({ createElement, Fragment, render });
export { createElement };
export default ForgeUI;
