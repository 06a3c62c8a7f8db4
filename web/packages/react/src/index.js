// @annex/react: UI Kit. An app's entry renders its components with it; they run here, in the
// sandbox, and the browser is sent what they drew.
import { native, open, rendering } from './components.js';
import { notOfferedNow } from '@annex/runtime/faults';
import { ForgeReconciler } from './session.js';

export const Badge = native('Badge');
export const BarChart = native('BarChart');
export const Bleed = native('Bleed');
export const Box = native('Box');
export const Button = native('Button');
export const ButtonGroup = native('ButtonGroup');
export const Calendar = native('Calendar');
export const Cell = native('Cell');
export const Code = native('Code');
export const CodeBlock = native('CodeBlock');
export const CustomFieldEdit = native('CustomFieldEdit');
export const DatePicker = native('DatePicker');
export const DonutChart = native('DonutChart');
export const Em = native('Em');
export const FilePicker = native('FilePicker');
export const Form = native('Form');
export const Frame = native('Frame');
export const Head = native('Head');
export const Heading = native('Heading');
export const HorizontalBarChart = native('HorizontalBarChart');
export const HorizontalStackBarChart = native('HorizontalStackBarChart');
export const Icon = native('Icon');
export const Image = native('Image');
export const Inline = native('Inline');
export const LineChart = native('LineChart');
export const Link = native('Link');
export const LinkButton = native('LinkButton');
export const List = native('List');
export const ListItem = native('ListItem');
export const LoadingButton = native('LoadingButton');
export const Lozenge = native('Lozenge');
export const Option = native('Option');
export const PieChart = native('PieChart');
export const Pressable = native('Pressable');
export const ProgressBar = native('ProgressBar');
export const Radio = native('Radio');
export const Range = native('Range');
export const RequiredAsterisk = native('RequiredAsterisk');
export const Row = native('Row');
export const Spinner = native('Spinner');
export const Stack = native('Stack');
export const StackBarChart = native('StackBarChart');
export const Strike = native('Strike');
export const Strong = native('Strong');
export const SuccessProgressBar = native('SuccessProgressBar');
export const Tab = native('Tab');
export const TabList = native('TabList');
export const TabPanel = native('TabPanel');
export const Table = native('Table');
export const Tag = native('Tag');
export const TagGroup = native('TagGroup');
export const Text = native('Text');
export const TextArea = native('TextArea');
export const TextField = native('TextField');
export const Textfield = native('Textfield');
export const TimePicker = native('TimePicker');
export const Toggle = native('Toggle');
export const TransparentProgressBar = native('TransparentProgressBar');
export const User = native('User');
export const UserGroup = native('UserGroup');
export const UserPicker = native('UserPicker');

// Components whose props may hold elements.
export const AdfRenderer = open('AdfRenderer');
export const AtlassianIcon = open('AtlassianIcon');
export const AtlassianTile = open('AtlassianTile');
export const Breadcrumbs = open('Breadcrumbs');
export const BreadcrumbsItem = open('BreadcrumbsItem');
export const Checkbox = open('Checkbox');
export const CheckboxGroup = open('CheckboxGroup');
export const ChromelessEditor = open('ChromelessEditor');
export const Comment = open('Comment');
export const CommentEditor = open('CommentEditor');
export const DynamicTable = open('DynamicTable');
export const EmptyState = open('EmptyState');
export const ErrorMessage = open('ErrorMessage');
export const FileCard = open('FileCard');
export const FormFooter = open('FormFooter');
export const FormHeader = open('FormHeader');
export const FormSection = open('FormSection');
export const HelperMessage = open('HelperMessage');
export const Label = open('Label');
export const Modal = open('Modal');
export const ModalBody = open('ModalBody');
export const ModalFooter = open('ModalFooter');
export const ModalHeader = open('ModalHeader');
export const ModalTitle = open('ModalTitle');
export const ModalTransition = open('ModalTransition');
export const Pagination = open('Pagination');
export const ProgressTracker = open('ProgressTracker');
export const RadioGroup = open('RadioGroup');
export const SectionMessage = open('SectionMessage');
export const SectionMessageAction = open('SectionMessageAction');
export const Select = open('Select');
export const Tabs = open('Tabs');
export const Tile = open('Tile');
export const Tooltip = open('Tooltip');
export const ValidMessage = open('ValidMessage');

// Components some of whose props are functions that give elements.
export const InlineEdit = rendering('InlineEdit', {
  readView: () => [],
  editView: ({ defaultValue, isRequired }) => [{ id: 'inline-edit', defaultValue, isRequired, isInvalid: false }],
});
export const Popup = rendering('Popup', { content: () => [{}], trigger: () => [{}] });

export { I18nProvider, useTranslation } from './i18n.js';
export { useConfig, useContentProperty, useIssueProperty, usePermissions, useProductContext, useSpaceProperty, useTheme } from './hooks.js';
export { useForm } from './form.js';
export { Route, Router, useLocation, useNavigate, useParams } from './router.js';
export const useObjectStore = notOfferedNow('useObjectStore');

/** Styles of a Box or a Pressable: the host passes on what its list of properties allows. */
export const xcss = (styles) => styles;

export const render = ForgeReconciler.render;
export default ForgeReconciler;
