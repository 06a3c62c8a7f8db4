// Which component draws which type.
import { registry } from './base.jsx';
import * as action from './parts/action.jsx';
import { Calendar } from './parts/calendar.jsx';
import * as charts from './parts/charts.jsx';
import * as display from './parts/display.jsx';
import { AdfRenderer } from './parts/document.jsx';
import * as fields from './parts/fields.jsx';
import { IconNode, KindIcon } from './parts/icons.jsx';
import * as layout from './parts/layout.jsx';
import * as overlay from './parts/overlay.jsx';
import * as people from './parts/people.jsx';
import { Select } from './parts/select.jsx';
import * as table from './parts/table.jsx';
import * as tabs from './parts/tabs.jsx';

const set = (components) => Object.entries(components).forEach(([type, component]) => registry.set(type, component));

set({
  Unknown: layout.Unknown,
  // layout and text
  Root: layout.Root, Fragment: layout.Fragment, Box: layout.Box, Pressable: layout.Pressable, Stack: layout.Stack, Inline: layout.Inline, Bleed: layout.Bleed,
  Text: layout.Text, Strong: layout.Strong, Em: layout.Em, Strike: layout.Strike, Heading: layout.Heading, List: layout.List, ListItem: layout.ListItem,
  Code: layout.Code, CodeBlock: layout.CodeBlock, AdfRenderer,
  // actions
  Button: action.Button, LoadingButton: action.Button, IconButton: action.Button, LinkButton: action.LinkButton, ButtonGroup: action.ButtonGroup, Link: action.Link,
  Breadcrumbs: action.Breadcrumbs, BreadcrumbsItem: action.BreadcrumbsItem,
  // forms
  Form: fields.Form, FormHeader: fields.FormHeader, FormSection: fields.FormSection, FormFooter: fields.FormFooter, Label: fields.Label,
  RequiredAsterisk: fields.RequiredAsterisk, ErrorMessage: fields.ErrorMessage, HelperMessage: fields.HelperMessage, ValidMessage: fields.ValidMessage,
  Textfield: fields.Textfield, TextArea: fields.TextArea, Checkbox: fields.Checkbox, CheckboxGroup: fields.CheckboxGroup, Radio: fields.Radio,
  RadioGroup: fields.RadioGroup, Toggle: fields.Toggle, Range: fields.Range, DatePicker: fields.DatePicker, TimePicker: fields.TimePicker, Calendar,
  Select, UserPicker: people.UserPicker, FilePicker: fields.FilePicker, InlineEdit: fields.InlineEdit, CommentEditor: fields.Editor, ChromelessEditor: fields.Editor,
  // overlays
  Modal: overlay.Modal, ModalHeader: overlay.ModalHeader, ModalTitle: overlay.ModalTitle, ModalBody: overlay.ModalBody, ModalFooter: overlay.ModalFooter,
  ModalTransition: layout.Fragment, Popup: overlay.Popup, PopupTrigger: layout.Fragment, PopupContent: layout.Fragment, Tooltip: overlay.Tooltip,
  // display
  SectionMessage: display.SectionMessage, SectionMessageAction: display.SectionMessageAction, EmptyState: display.EmptyState, Lozenge: display.Lozenge,
  Badge: display.Badge, Tag: display.Tag, SimpleTag: display.Tag, TagGroup: display.TagGroup, ProgressBar: display.ProgressBar, SuccessProgressBar: display.ProgressBar, TransparentProgressBar: display.ProgressBar, ProgressTracker: display.ProgressTracker,
  Spinner: display.Spinner, Comment: display.Comment, FileCard: display.FileCard, Image: display.Image, Tile: display.Tile, Frame: display.Frame,
  Icon: IconNode, AtlassianIcon: KindIcon, AtlassianTile: KindIcon, User: people.User, UserGroup: people.UserGroup, Avatar: people.Avatar,
  DynamicTable: table.DynamicTable, Pagination: table.Pagination, Tabs: tabs.Tabs, TabList: tabs.TabList, Tab: tabs.Tab, TabPanel: tabs.TabPanel,
  // charts
  BarChart: charts.BarChart, StackBarChart: charts.StackBarChart, HorizontalBarChart: charts.HorizontalBarChart,
  HorizontalStackBarChart: charts.HorizontalStackBarChart, LineChart: charts.LineChart, PieChart: charts.PieChart, DonutChart: charts.PieChart,
  // the older kit
  TextField: fields.Textfield, ButtonSet: display.ButtonSet, DateLozenge: display.DateLozenge, StatusLozenge: display.Lozenge, ErrorPanel: display.ErrorPanel,
  Table: table.Table, Head: table.TableHead, Row: table.TableRow, Cell: table.Cell, ModalDialog: overlay.Modal, InlineDialog: overlay.InlineDialog, InlineDialogTrigger: layout.Fragment,
  FormCondition: fields.FormCondition, ThreeLOPrompt: action.ThreeLOPrompt, AvatarStack: display.Row, IssuePanelAction: action.Button,
  MacroConfig: fields.Config, ConfigForm: fields.Config, CustomFieldEdit: fields.Config, DashboardGadgetEdit: fields.Config,
});

// Roots of modules look alike.
for (const type of ['View', 'IssuePanel', 'IssueGlance', 'IssueContext', 'IssueAction', 'IssueActivity', 'Macro', 'GlobalPage', 'GlobalSettings', 'SpacePage',
  'SpaceSettings', 'HomepageFeed', 'AdminPage', 'ProjectPage', 'ProjectSettingsPage', 'DashboardGadget', 'CustomField', 'ContextMenu', 'ContentAction',
  'ContentBylineItem', 'PersonalSettingsPage', 'PortalUserMenuAction', 'PortalRequestDetail',
  'JiraBoardAction', 'PortalFooter', 'PortalHeader', 'PortalProfilePanel', 'PortalRequestDetailPanel', 'PortalSubheader',
  'QueuePage', 'OrganizationPanel', 'WorkflowCondition']) registry.set(type, layout.Root);
