package uitree

// components are those whose props are passed on. Of any other one the children alone are,
// and the renderer marks it.
var components = set(`Root MacroConfig String Fragment
	AdfRenderer AtlassianIcon AtlassianTile Badge BarChart Bleed Box Breadcrumbs BreadcrumbsItem Button ButtonGroup Calendar Cell Checkbox
	CheckboxGroup ChromelessEditor Code CodeBlock Comment CommentEditor CustomFieldEdit DatePicker DonutChart DynamicTable Em EmptyState
	ErrorMessage FileCard FilePicker Form FormFooter FormHeader FormSection Frame Head Heading HelperMessage HorizontalBarChart
	HorizontalStackBarChart Icon Image Inline InlineEdit Label LineChart Link LinkButton List ListItem LoadingButton Lozenge Modal ModalBody
	ModalFooter ModalHeader ModalTitle ModalTransition Option Pagination PieChart Popup Pressable ProgressBar ProgressTracker Radio RadioGroup
	Range RequiredAsterisk Row SectionMessage SectionMessageAction Select Spinner Stack StackBarChart Strike Strong SuccessProgressBar Tab
	TabList TabPanel Table Tabs Tag TagGroup Text TextArea TextField Textfield Tile TimePicker Toggle Tooltip TransparentProgressBar User
	UserGroup UserPicker ValidMessage
	Avatar AvatarStack ButtonSet DateLozenge ErrorPanel FormCondition InlineDialog ModalDialog StatusLozenge ThreeLOPrompt
	AdminPage ConfigForm ContentAction ContentBylineItem ContextMenu CustomField DashboardGadget DashboardGadgetEdit GlobalPage
	GlobalSettings HomepageFeed InlineDialogTrigger IssueAction IssueActivity IssueContext IssueGlance IssuePanel IssuePanelAction
	JiraBoardAction Macro PortalFooter PortalHeader PortalProfilePanel PortalRequestDetail PortalRequestDetailPanel PortalSubheader
	PortalUserMenuAction ProjectPage ProjectSettingsPage QueuePage OrganizationPanel SpacePage SpaceSettings WorkflowCondition`)
