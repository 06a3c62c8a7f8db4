// Every component once, as apps use them.
import { el, fn, slot } from './tree.js';

const section = (title, ...children) => el('Stack', { space: 'space.100' }, el('Heading', { size: 'small', as: 'h2' }, title), ...children);
const options = [{ label: 'Red', value: 'red' }, { label: 'Green', value: 'green' }, { label: 'Blue', value: 'blue', isDisabled: true }];
const sales = [['Mon', 12, 'Apples'], ['Mon', 7, 'Pears'], ['Tue', 20, 'Apples'], ['Tue', 4, 'Pears'], ['Wed', 9, 'Apples'], ['Wed', 15, 'Pears']];

const doc = {
  type: 'doc', version: 1, content: [
    { type: 'heading', attrs: { level: 3 }, content: [{ type: 'text', text: 'A document' }] },
    { type: 'paragraph', content: [{ type: 'text', text: 'bold', marks: [{ type: 'strong' }] }, { type: 'text', text: ' and ' }, { type: 'text', text: 'a link', marks: [{ type: 'link', attrs: { href: 'https://example.com/x' } }] }, { type: 'text', text: ', ' }, { type: 'text', text: 'code', marks: [{ type: 'code' }] }, { type: 'text', text: ' ' }, { type: 'mention', attrs: { id: 'u', text: '@Alice' } }, { type: 'text', text: ' ' }, { type: 'status', attrs: { text: 'DONE', color: 'green' } }] },
    { type: 'bulletList', content: [{ type: 'listItem', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'one' }] }] }, { type: 'listItem', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'two' }] }] }] },
    { type: 'panel', attrs: { panelType: 'warning' }, content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Take care.' }] }] },
    { type: 'taskList', content: [{ type: 'taskItem', attrs: { state: 'DONE' }, content: [{ type: 'text', text: 'bought milk' }] }, { type: 'taskItem', attrs: { state: 'TODO' }, content: [{ type: 'text', text: 'drink it' }] }] },
    { type: 'table', content: [{ type: 'tableRow', content: [{ type: 'tableHeader', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Head' }] }] }] }, { type: 'tableRow', content: [{ type: 'tableCell', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Cell' }] }] }] }] },
    { type: 'blockquote', content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Said once.' }] }] },
    { type: 'expand', attrs: { title: 'More of it' }, content: [{ type: 'paragraph', content: [{ type: 'text', text: 'Inside.' }] }] },
  ],
};

/** parts are the pictures of the gallery: a name, and a tree. */
export const parts = {
  text: () => [
    section('Texts', el('Text', {}, 'A text with ', el('Strong', {}, 'strong'), ', ', el('Em', {}, 'em'), ', ', el('Strike', {}, 'strike'), ', ', el('Code', {}, 'code'), ' and ', el('Link', { href: 'https://example.com', openNewTab: true }, 'a link'), '.'),
      el('Text', { size: 'small', color: 'color.text.subtle' }, 'Small and subtle'), el('Text', { size: 'large', weight: 'bold', align: 'end' }, 'Large at the end'),
      el('Text', { maxLines: 1 }, 'One line only, however long this text may become when it is written by somebody who has a lot to say about nothing in particular, and goes on.')),
    section('Headings', ...['xlarge', 'large', 'medium', 'small', 'xsmall', 'xxsmall'].map((size) => el('Heading', { size, as: 'h3' }, `Heading ${size}`))),
    section('Lists', el('List', { type: 'unordered' }, el('ListItem', {}, 'one'), el('ListItem', {}, 'two')), el('List', { type: 'ordered' }, el('ListItem', {}, 'first'), el('ListItem', {}, 'second'))),
    section('Code', el('CodeBlock', { language: 'js', text: 'const a = 1;\nif (a < 2) {\n  go(a);\n}', highlight: '2' })),
    section('Document', el('AdfRenderer', { document: doc })),
  ],
  layout: () => [
    section('Boxes', el('Inline', { space: 'space.100', shouldWrap: true, alignBlock: 'center' },
      ...['blue', 'red', 'green', 'yellow', 'purple', 'teal', 'orange', 'magenta', 'lime', 'gray'].map((h) => el('Box', { padding: 'space.150', backgroundColor: `color.background.accent.${h}.subtlest`, xcss: { borderRadius: 'border.radius.200', color: `color.text.accent.${h}` } }, el('Text', { as: 'span' }, h))))),
    section('Edges', el('Box', { xcss: { padding: 'space.200', borderColor: 'color.border.bold', borderStyle: 'solid', borderWidth: 'border.width', boxShadow: 'elevation.shadow.raised', backgroundColor: 'elevation.surface.raised', maxWidth: '320px' } }, el('Bleed', { inline: 'space.100' }, el('Box', { backgroundColor: 'color.background.neutral' }, el('Text', {}, 'Bled'))))),
    section('Rows', el('Inline', { spread: 'space-between', alignBlock: 'center' }, el('Text', {}, 'left'), el('Text', {}, 'right')), el('Inline', { space: 'space.050', separator: '·' }, el('Text', { as: 'span' }, 'a'), el('Text', { as: 'span' }, 'b')),
      el('Pressable', { xcss: { padding: 'space.100', backgroundColor: 'color.background.neutral', ':hover': { backgroundColor: 'color.background.neutral.hovered' } }, onClick: fn('press') }, el('Text', {}, 'Pressable'))),
    section('Unknown', el('Mystery', { thing: 1 }, el('Text', {}, 'Children of something unknown'))),
    section('Tabs', el('Tabs', {}, el('TabList', {}, el('Tooltip', { content: 'The first' }, el('Tab', {}, 'One')), el('Tab', {}, 'Two')), el('TabPanel', {}, el('Text', {}, 'First panel')), el('TabPanel', {}, el('Text', {}, 'Second panel')))),
    section('Way', el('Breadcrumbs', {}, el('BreadcrumbsItem', { text: 'Home', href: '/home' }), el('BreadcrumbsItem', { text: 'Projects', onClick: fn('crumb') }), el('BreadcrumbsItem', { text: 'Here' })), el('Pagination', { pages: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], onChange: fn('page') }),
      el('ProgressTracker', { items: [{ id: 'a', label: 'Order', status: 'visited', percentageComplete: 100 }, { id: 'b', label: 'Pay', status: 'current' }, { id: 'c', label: 'Done', status: 'unvisited' }] })),
  ],
  actions: () => [
    section('Buttons', el('Inline', { space: 'space.100', shouldWrap: true }, ...['default', 'primary', 'subtle', 'link', 'warning', 'danger', 'discovery'].map((appearance) => el('Button', { appearance, onClick: fn(appearance) }, appearance)), el('Button', { isDisabled: true }, 'disabled'), el('Button', { isSelected: true }, 'selected'), el('Button', { spacing: 'compact', iconBefore: 'add' }, 'compact'), el('LoadingButton', { isLoading: true }, 'Loading'), el('LinkButton', { href: '/there', appearance: 'primary' }, 'Link button')),
      el('ButtonGroup', { label: 'Group' }, el('Button', {}, 'One'), el('Button', {}, 'Two')), el('Tooltip', { content: 'What it does' }, el('Button', {}, 'With a tip')), el('Tooltip', { content: 'On text' }, el('Lozenge', {}, 'tip'))),
    section('Messages', ...['information', 'success', 'warning', 'error', 'discovery'].map((appearance) => el('SectionMessage', { appearance, title: `A ${appearance}` }, el('Text', {}, 'Something to know about it.'), el('SectionMessageAction', { onClick: fn('action') }, 'Do it'), el('SectionMessageAction', { href: 'https://example.com' }, 'Read more')))),
    section('Marks', el('Inline', { space: 'space.100', shouldWrap: true, alignBlock: 'center' }, ...['default', 'success', 'removed', 'inprogress', 'new', 'moved'].flatMap((appearance) => [el('Lozenge', { appearance }, appearance), el('Lozenge', { appearance, isBold: true }, appearance)]), ...['default', 'added', 'removed', 'important', 'primary'].map((appearance) => el('Badge', { appearance }, '128'))),
      el('TagGroup', {}, ...['blue', 'red', 'yellow', 'green', 'teal', 'purple', 'gray'].map((color) => el('Tag', { text: color, color })), el('Tag', { text: 'removable', onAfterRemoveAction: fn('untag') }))),
    section('Progress', el('ProgressBar', { value: 0.4, ariaLabel: 'Import' }), el('ProgressBar', { isIndeterminate: true }), el('Inline', { space: 'space.100' }, el('Spinner', { size: 'small' }), el('Spinner', { size: 'medium' }), el('Spinner', { size: 'large', label: 'Loading rows' }))),
    section('Nothing', el('EmptyState', { header: 'Nothing here', description: 'Make the first one.', headingLevel: 3, primaryAction: slot(el('Button', { appearance: 'primary' }, 'Make one')), secondaryAction: slot(el('Button', { appearance: 'subtle' }, 'Later')) })),
  ],
  forms: () => [
    el('Form', { onSubmit: fn('submit') },
      el('FormHeader', { title: 'A form' }, el('Text', {}, 'Fields marked ', el('RequiredAsterisk'), ' are required.')),
      el('FormSection', {},
        el('Label', { labelFor: 'name' }, 'Name', el('RequiredAsterisk')), el('Textfield', { id: 'name', name: 'name', defaultValue: 'Alice', onChange: fn('name') }), el('HelperMessage', {}, 'As in your passport.'),
        el('Label', { labelFor: 'bad' }, 'Mail'), el('Textfield', { id: 'bad', name: 'mail', type: 'email', isInvalid: true, value: 'nowhere' }), el('ErrorMessage', {}, 'That is no address.'),
        el('Label', { labelFor: 'ok' }, 'Code'), el('Textfield', { id: 'ok', elemBeforeInput: slot(el('Icon', { glyph: 'lock', label: 'secret' })), placeholder: 'abc-123' }), el('ValidMessage', {}, 'Good.'),
        el('Label', { labelFor: 'text' }, 'Text'), el('TextArea', { id: 'text', name: 'text', minimumRows: 3, placeholder: 'Say it' }),
        el('Label', { labelFor: 'off' }, 'Off'), el('Textfield', { id: 'off', isDisabled: true, value: 'cannot be changed' }),
        el('Label', { labelFor: 'one' }, 'One of'), el('Select', { id: 'one', name: 'one', options, defaultValue: options[1], onChange: fn('one') }),
        el('Label', { labelFor: 'many' }, 'Many of'), el('Select', { id: 'many', name: 'many', isMulti: true, options: [{ label: 'Colours', options }, { label: 'Shapes', options: [{ label: 'Round', value: 'round' }, { label: 'Square', value: 'square' }] }], defaultValue: [options[0], { label: 'Round', value: 'round' }], onChange: fn('many') }),
        el('Label', { labelFor: 'who' }, 'Who'), el('UserPicker', { id: 'who', name: 'who', label: '', onChange: fn('who') }),
        el('Checkbox', { name: 'agree', value: 'agree', label: 'I agree', isRequired: true, onChange: fn('agree') }), el('Checkbox', { label: 'Some of it', isIndeterminate: true }),
        el('Label', { labelFor: 'boxes' }, 'Boxes'), el('CheckboxGroup', { id: 'boxes', name: 'boxes', options, defaultValue: ['red'], onChange: fn('boxes') }),
        el('Label', { labelFor: 'radio' }, 'Radios'), el('RadioGroup', { id: 'radio', name: 'radio', options, defaultValue: 'green', onChange: fn('radio') }),
        el('Inline', { space: 'space.100', alignBlock: 'center' }, el('Label', { labelFor: 'switch' }, 'Switch'), el('Toggle', { id: 'switch', defaultChecked: true, onChange: fn('switch') }), el('Label', { labelFor: 'big' }, 'Large'), el('Toggle', { id: 'big', size: 'large' })),
        el('Label', { labelFor: 'range' }, 'Range'), el('Range', { id: 'range', name: 'range', min: 0, max: 10, step: 1, defaultValue: 4, onChange: fn('range') }),
        el('Label', { labelFor: 'date' }, 'Date'), el('DatePicker', { id: 'date', name: 'date', defaultValue: '2026-11-22', onChange: fn('date') }), el('Label', { labelFor: 'time' }, 'Time'), el('TimePicker', { id: 'time', name: 'time', defaultValue: '09:30', times: ['09:00', '09:30'], onChange: fn('time') })),
      el('FormFooter', {}, el('Button', { type: 'submit', appearance: 'primary' }, 'Send'), el('Button', { appearance: 'subtle' }, 'Cancel'))),
    section('More fields', el('Calendar', { defaultSelected: ['2026-11-22'], disabled: ['2026-11-24'], previouslySelected: ['2026-11-20'], onSelect: fn('day') }), el('Label', { labelFor: 'files' }, 'Files'), el('FilePicker', { id: 'files', onChange: fn('files') }),
      el('InlineEdit', { label: 'Summary', defaultValue: 'Milk is out', readView: slot(el('Text', {}, 'Milk is out')), editView: slot(el('Textfield', { name: 'summary', defaultValue: 'Milk is out' })), onConfirm: fn('confirm') }), el('CommentEditor', { onSave: fn('save'), onCancel: fn('cancel'), defaultValue: doc })),
  ],
  data: () => [
    section('Table', el('DynamicTable', {
      caption: 'Issues', rowsPerPage: 2, defaultSortKey: 'points', defaultSortOrder: 'DESC', onSort: fn('sort'), onSetPage: fn('setpage'),
      head: { cells: [{ key: 'name', content: 'Name', isSortable: true }, { key: 'points', content: 'Points', isSortable: true }, { key: 'x', content: '' }] },
      rows: [['Milk', 3], ['Bread', 11], ['Cheese', 7]].map(([name, points]) => ({ key: name, cells: [{ key: name, content: name }, { key: points, content: slot(el('Badge', {}, points)) }, { key: 'act', content: slot(el('Button', { spacing: 'compact', onClick: fn(`go-${name}`) }, 'Go')) }] })),
    }), el('DynamicTable', { label: 'Empty', head: { cells: [{ key: 'a', content: 'A' }] }, rows: [], emptyView: 'No records found' })),
    section('People', el('Inline', { space: 'space.200', alignBlock: 'center' }, el('User', { accountId: 'u-alice' }), el('User', { accountId: 'u-nobody' }), el('UserGroup', {}, el('User', { accountId: 'u-alice' }), el('User', { accountId: 'u-bob' })))),
    section('Comment', el('Comment', { avatar: slot(el('User', { accountId: 'u-bob', hideDisplayName: true })), author: 'Bob Tran', type: 'author', time: '5 minutes ago', content: slot(el('Text', {}, 'I bought some.')), actions: [slot(el('Button', { appearance: 'link', spacing: 'compact' }, 'Reply'))] }, el('Comment', { author: 'Alice Meyer', content: 'Thank you.' }))),
    section('Files and pictures', el('FileCard', { fileName: 'report.pdf', fileType: 'application/pdf', fileSize: 123456, onDownload: fn('download') }), el('Image', { src: 'picture.svg', alt: 'A dot on a field', width: 160 }), el('Image', { src: 'https://not-granted.example/x.png', alt: 'Not granted' }),
      el('Inline', { space: 'space.100', alignBlock: 'center', shouldWrap: true }, ...['add', 'editor-edit', 'check-circle', 'warning', 'settings', 'calendar', 'nonsense'].map((glyph) => el('Icon', { glyph, label: glyph })), ...['bug', 'story', 'task', 'epic', 'page', 'pull-request'].map((glyph) => el('AtlassianTile', { glyph, label: glyph })), el('AtlassianIcon', { glyph: 'bug', label: 'bug' }), el('Tile', { label: 'A tile', backgroundColor: 'color.background.accent.teal.subtle' }, el('Icon', { glyph: 'rocket', label: '' })), el('Avatar', { name: 'Carol King', size: 'medium' }))),
    section('Frame', el('Frame', { resource: 'main', height: '40px' })),
  ],
  charts: () => [
    ['BarChart', { showMarkLabels: true }], ['StackBarChart', {}], ['HorizontalBarChart', {}], ['HorizontalStackBarChart', {}], ['LineChart', {}],
  ].map(([type, more]) => el(type, { title: type, subtitle: 'of fruit', data: sales, xAccessor: 0, yAccessor: 1, colorAccessor: 2, ...more })).concat(
    ['PieChart', 'DonutChart'].map((type) => el(type, { title: type, data: [{ k: 'Milk', v: 4 }, { k: 'Bread', v: 3 }, { k: 'Cheese', v: 2 }], colorAccessor: 'k', labelAccessor: 'k', angleAccessor: 'v', showMarkLabels: true }))),
  older: () => [el('IssuePanel', {},
    el('Text', {}, '**Tasks** and ~~done~~ _things_'), el('Table', { rowsPerPage: 2 }, el('Head', {}, el('Cell', {}, el('Text', {}, 'Task')), el('Cell', {}, el('Text', {}, 'State'))), ...['milk', 'bread', 'tea'].map((t) => el('Row', {}, el('Cell', {}, el('Text', {}, t)), el('Cell', {}, el('StatusLozenge', { text: 'open', appearance: 'inprogress' }))))),
    el('Form', { onSubmit: fn('old-submit'), submitButtonText: 'Add', actionButtons: [slot(el('Button', { text: 'Clear', onClick: fn('clear') }))] }, el('TextField', { name: 'task', label: 'New task', isRequired: true, description: 'What is to be done' }), el('Select', { name: 'kind', label: 'Kind' }, el('Option', { label: 'Food', value: 'food', defaultSelected: true }), el('Option', { label: 'Tool', value: 'tool' })),
      el('CheckboxGroup', { name: 'tags', label: 'Tags' }, el('Checkbox', { label: 'Soon', value: 'soon', defaultChecked: true }), el('Checkbox', { label: 'Cheap', value: 'cheap' })), el('RadioGroup', { name: 'size', label: 'Size' }, el('Radio', { label: 'Small', value: 's', defaultChecked: true }), el('Radio', { label: 'Large', value: 'l' })), el('Toggle', { name: 'urgent', label: 'Urgent' }), el('FormCondition', { when: 'tags', is: ['cheap'] }, el('TextField', { name: 'price', label: 'Price' }))),
    el('ButtonSet', {}, el('Button', { text: 'One', onClick: fn('b1') }), el('Button', { text: 'Two', icon: 'add', onClick: fn('b2') })), el('Tabs', {}, el('Tab', { label: 'First' }, el('Text', {}, 'First tab')), el('Tab', { label: 'Second' }, el('Text', {}, 'Second tab'))), el('DateLozenge', { value: 1763769600000 }), el('ErrorPanel', {}, el('Text', {}, 'It did not work.')), el('ThreeLOPrompt', { authUrl: 'https://accounts.example.com/authorize', message: 'Connect your account.', promptText: 'Connect' }))],
};

export const page = (nodes) => el('Root', {}, ...nodes);
