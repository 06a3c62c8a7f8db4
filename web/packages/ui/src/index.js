// @annex/ui, inside a function: UI Kit 1. Trees can be written with JSX and handed to
// render; the handler that render makes rejects with NOT_OFFERED when it is called.
import { notOffered, unbuilt } from '@annex/runtime/faults';
import { component, createElement, hook } from '@annex/runtime/components';

export const Avatar = component('Avatar');
export const AvatarStack = component('AvatarStack');
export const Badge = component('Badge');
export const Button = component('Button');
export const ButtonSet = component('ButtonSet');
export const Cell = component('Cell');
export const Checkbox = component('Checkbox');
export const CheckboxGroup = component('CheckboxGroup');
export const Code = component('Code');
export const CodeBlock = component('CodeBlock');
export const DateLozenge = component('DateLozenge');
export const DatePicker = component('DatePicker');
export const Em = component('Em');
export const ErrorPanel = component('ErrorPanel');
export const Form = component('Form');
export const FormCondition = component('FormCondition');
export const Head = component('Head');
export const Heading = component('Heading');
export const Image = component('Image');
export const InlineDialog = component('InlineDialog');
export const Link = component('Link');
export const Lozenge = component('Lozenge');
export const ModalDialog = component('ModalDialog');
export const Option = component('Option');
export const Radio = component('Radio');
export const RadioGroup = component('RadioGroup');
export const Range = component('Range');
export const Row = component('Row');
export const SectionMessage = component('SectionMessage');
export const Select = component('Select');
export const StatusLozenge = component('StatusLozenge');
export const Strike = component('Strike');
export const Strong = component('Strong');
export const Tab = component('Tab');
export const Table = component('Table');
export const Tabs = component('Tabs');
export const Tag = component('Tag');
export const TagGroup = component('TagGroup');
export const Text = component('Text');
export const TextArea = component('TextArea');
export const TextField = component('TextField');
export const ThreeLOPrompt = component('ThreeLOPrompt');
export const Toggle = component('Toggle');
export const Tooltip = component('Tooltip');
export const User = component('User');
export const UserGroup = component('UserGroup');
export const UserPicker = component('UserPicker');
export const AdminPage = component('AdminPage');
export const ConfigForm = component('ConfigForm');
export const ContentAction = component('ContentAction');
export const ContentBylineItem = component('ContentBylineItem');
export const ContextMenu = component('ContextMenu');
export const CustomField = component('CustomField');
export const CustomFieldEdit = component('CustomFieldEdit');
export const DashboardGadget = component('DashboardGadget');
export const DashboardGadgetEdit = component('DashboardGadgetEdit');
export const GlobalPage = component('GlobalPage');
export const GlobalSettings = component('GlobalSettings');
export const HomepageFeed = component('HomepageFeed');
export const InlineDialogTrigger = component('InlineDialogTrigger');
export const IssueAction = component('IssueAction');
export const IssueActivity = component('IssueActivity');
export const IssueContext = component('IssueContext');
export const IssueGlance = component('IssueGlance');
export const IssuePanel = component('IssuePanel');
export const IssuePanelAction = component('IssuePanelAction');
export const JiraBoardAction = component('JiraBoardAction');
export const Macro = component('Macro');
export const MacroConfig = component('MacroConfig');
export const PortalFooter = component('PortalFooter');
export const PortalHeader = component('PortalHeader');
export const PortalProfilePanel = component('PortalProfilePanel');
export const PortalRequestDetail = component('PortalRequestDetail');
export const PortalRequestDetailPanel = component('PortalRequestDetailPanel');
export const PortalSubheader = component('PortalSubheader');
export const PortalUserMenuAction = component('PortalUserMenuAction');
export const ProjectPage = component('ProjectPage');
export const ProjectSettingsPage = component('ProjectSettingsPage');
export const QueuePage = component('QueuePage');
export const OrganizationPanel = component('OrganizationPanel');
export const SpacePage = component('SpacePage');
export const SpaceSettings = component('SpaceSettings');
export const WorkflowCondition = component('WorkflowCondition');

export const useState = hook('useState');
export const useAction = hook('useAction');
export const useEffect = hook('useEffect');
export const useProductContext = hook('useProductContext');
export const useConfig = hook('useConfig');
export const useContentProperty = hook('useContentProperty');
export const useSpaceProperty = hook('useSpaceProperty');
export const useIssueProperty = hook('useIssueProperty');
export const useRef = hook('useRef');
export const useMemo = hook('useMemo');

/** Groups elements without drawing anything itself. */
export const Fragment = component('Fragment');

/** Makes a function handler of a tree. The handler is not offered. */
export const render = unbuilt(function render(tree) {
  return Object.assign(notOffered('render(…) of @forge/ui'), { tree });
});

/** What JSX becomes: `ForgeUI.createElement`, `ForgeUI.Fragment`. */
const ForgeUI = Object.freeze({ createElement, Fragment, render });
export { createElement };
export default ForgeUI;
