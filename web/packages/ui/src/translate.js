// How the elements of the first UI Kit are drawn with the components of today.
import { effect } from '@annex/react/session';

const text = (value, key) => ({ type: 'String', key, props: { text: String(value) }, children: [] });
const node = (type, key, props, children = []) => ({ type, key, props: plain(props), children });
const arrayOf = (v) => (v === undefined || v === null ? [] : Array.isArray(v) ? v : [v]);

// plain leaves out what is no JSON.
function plain(props) {
  const out = {};
  for (const name of Object.keys(props)) {
    const v = props[name];
    if (v === undefined || typeof v === 'function' || name === 'children' || name === 'key') continue;
    out[name] = v;
  }
  return out;
}

// flat are the elements among children, whatever they are nested in.
function flat(children) {
  return arrayOf(children).flatMap((c) => {
    if (Array.isArray(c)) return flat(c);
    if (typeof c !== 'object' || c === null) return [];
    return c.type === 'Fragment' || typeof c.type === 'symbol' ? flat(c.props?.children) : [c];
  });
}

// joined puts texts together that follow one another: their markup may span them.
function joined(children) {
  const out = [];
  for (const c of children) {
    const last = out.at(-1);
    if (c.type === 'String' && last?.type === 'String') out[out.length - 1] = text(last.props.text + c.props.text, last.key);
    else out.push(c);
  }
  return out;
}

// rich makes of the old texts' markup what it means: **strong**, *emphasis*, ~~struck~~, `code`.
function rich(children) {
  return joined(children).flatMap((c) => {
    if (c.type !== 'String') return [c];
    const out = [];
    let rest = c.props.text;
    for (let i = 0; rest !== ''; i++) {
      const found = /\*\*(.+?)\*\*|~~(.+?)~~|`(.+?)`|(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])/.exec(rest);
      if (found === null) {
        out.push(text(rest, `${c.key}.${i}`));
        break;
      }
      if (found.index > 0) out.push(text(rest.slice(0, found.index), `${c.key}.${i}a`));
      const [type, inner] = found[1] !== undefined ? ['Strong', found[1]] : found[2] !== undefined ? ['Strike', found[2]] : found[3] !== undefined ? ['Code', found[3]] : ['Em', found[4]];
      out.push(node(type, `${c.key}.${i}b`, {}, [text(inner, `${c.key}.${i}c`)]));
      rest = rest.slice(found.index + found[0].length);
    }
    return out.length === 1 && out[0].type === 'String' ? [c] : out;
  });
}

// labelled puts a field's label and description around it.
function labelled(engine, props, path, field) {
  const out = [];
  if (props.label) out.push(node('Label', `${path}.label`, { labelFor: engine.key(path) }, [text(props.label, `${path}.label.text`)]));
  out.push(field);
  if (props.description) out.push(node('HelperMessage', `${path}.help`, {}, [text(props.description, `${path}.help.text`)]));
  return node('Stack', `${path}.field`, { space: 'space.050' }, out);
}

// A form asks its fields what they hold: what the user made of them, or what they began with.
let form; // the one that is being drawn

function field(engine, type, props, path, initial, shown, valueOf) {
  form?.fields.set(props.name, { path, initial });
  const value = engine.changes.has(path) ? engine.changes.get(path) : initial;
  const onChange = engine.fn(path, 'onChange', (change) => {
    engine.changes.set(path, valueOf(change));
    engine.change();
  });
  const { label, description, defaultValue, defaultChecked, defaultSelected, children, ...rest } = props;
  return labelled(engine, props, path, node(type, path, { ...rest, id: engine.key(path), ...shown(value), onChange }));
}

const written = (change) => change?.target?.value ?? (typeof change === 'object' && change !== null ? change.value : change);
const chosen = (change) => (Array.isArray(change) ? change.map((c) => c?.value ?? c) : written(change));
const ticked = (change) => Boolean(change?.target?.checked ?? change);

const options = (props, type) => flat(props.children).filter((c) => c.type === type).map((c) => c.props);

function drawForm(engine, props, path, onSubmit) {
  const outer = form;
  form = { fields: new Map() };
  const { fields } = form;
  const children = engine.children(props, path);
  form = outer;
  const submitted = engine.fn(path, 'onSubmit', async (given) => {
    const data = {};
    for (const [name, { path: at, initial }] of fields) data[name] = engine.changes.has(at) ? engine.changes.get(at) : initial;
    // A renderer that collects a form's values by itself knows them best.
    if (typeof given === 'object' && given !== null) for (const name of Object.keys(given)) if (fields.has(name)) data[name] = given[name];
    for (const { path: at } of fields.values()) engine.changes.delete(at);
    await onSubmit(data);
    engine.change();
  });
  const buttons = arrayOf(props.actionButtons).flatMap((b, i) => engine.walk(b, `${path}.actions.${i}`));
  return node('Form', path, { onSubmit: submitted }, [
    ...children,
    node('FormFooter', `${path}.footer`, {}, [
      node('ButtonGroup', `${path}.buttons`, {}, [
        node('Button', `${path}.submit`, { type: 'submit', appearance: props.submitButtonAppearance ?? 'default' }, [text(props.submitButtonText ?? 'Submit', `${path}.submit.text`)]),
        ...buttons,
      ]),
    ]),
  ]);
}

const through = (engine, type, props, path) => node(type, path, props, engine.children(props, path));
const textual = (type) => (engine, _, props, path) => node(type, path, { size: props.size }, rich([...(props.content === undefined ? [] : [text(props.content, `${path}.content`)]), ...engine.children(props, path)]));

// A module's own root is what the product's page is to it already.
const roots = `AdminPage ContentAction ContentBylineItem ContextMenu CustomField DashboardGadget GlobalPage GlobalSettings HomepageFeed
  IssueAction IssueActivity IssueContext IssueGlance IssuePanel IssuePanelAction JiraBoardAction Macro PortalFooter PortalHeader PortalProfilePanel
  PortalRequestDetail PortalRequestDetailPanel PortalSubheader PortalUserMenuAction ProjectPage ProjectSettingsPage QueuePage
  OrganizationPanel SpacePage SpaceSettings WorkflowCondition`.split(/\s+/);

const drawn = {
  __proto__: null,
  Text: textual('Text'),
  Strong: textual('Strong'),
  Em: textual('Em'),
  Strike: textual('Strike'),
  Heading: (engine, type, { size, ...props }, path) => node('Heading', path, { as: { small: 'h4', medium: 'h3', large: 'h2' }[size] ?? 'h3' }, engine.children(props, path)),
  Code: (engine, type, props, path) => (props.text === undefined ? through(engine, type, props, path) : node('CodeBlock', path, { text: String(props.text), language: props.language, showLineNumbers: props.showLineNumbers })),
  Button: (engine, type, props, path) => node('Button', path, {
    appearance: props.appearance, iconBefore: props.icon, isDisabled: props.disabled, onClick: engine.fn(path, 'onClick', (...args) => props.onClick?.(...args)),
  }, [text(props.text ?? '', `${path}.text`)]),
  ButtonSet: (engine, type, props, path) => through(engine, 'ButtonGroup', props, path),
  Badge: (engine, type, props, path) => node('Badge', path, { appearance: props.appearance }, props.text === undefined ? engine.children(props, path) : [text(props.text, `${path}.text`)]),
  StatusLozenge: (engine, type, props, path) => node('Lozenge', path, { appearance: props.appearance }, [text(props.text ?? '', `${path}.text`)]),
  Lozenge: (engine, type, props, path) => node('Lozenge', path, { appearance: props.appearance }, props.text === undefined ? engine.children(props, path) : [text(props.text, `${path}.text`)]),
  DateLozenge: (engine, type, props, path) => node('Lozenge', path, {}, [text(new Date(Number(props.value) || props.value).toDateString(), `${path}.text`)]),
  ErrorPanel: (engine, type, props, path) => through(engine, 'SectionMessage', { ...props, appearance: 'error' }, path),
  Avatar: (engine, type, props, path) => node('User', path, { accountId: props.accountId }),
  AvatarStack: (engine, type, props, path) => node('UserGroup', path, {}, flat(props.children).map((c, i) => node('User', `${path}.${i}`, { accountId: c.props?.accountId }))),
  ThreeLOPrompt: (engine, type, props, path) => node('SectionMessage', path, { title: props.promptText ?? 'Connect your account' }, [
    node('Text', `${path}.message`, {}, [text(props.message ?? 'The app needs your account at another service.', `${path}.message.text`)]),
    node('Button', `${path}.connect`, { appearance: 'primary', onClick: engine.fn(`${path}.connect`, 'onClick', () => effect('connect', { authUrl: props.authUrl })) }, [text('Connect', `${path}.connect.text`)]),
  ]),
  Form: (engine, type, props, path) => drawForm(engine, props, path, (data) => props.onSubmit?.(data)),
  MacroConfig: (engine, type, props, path) => drawForm(engine, { submitButtonText: 'Save', ...props }, path, (payload) => effect('submit', { payload })),
  ConfigForm: (engine, type, props, path) => drawForm(engine, { submitButtonText: 'Save', ...props }, path, (payload) => effect('submit', { payload })),
  DashboardGadgetEdit: (engine, type, props, path) => drawForm(engine, props, path, async (data) => effect('submit', { payload: (await props.onSubmit?.(data)) ?? data })),
  CustomFieldEdit: (engine, type, props, path) => drawForm(engine, props, path, async (data) => effect('submit', { payload: (await props.onSubmit?.(data)) ?? data })),
  FormCondition: (engine, type, props, path) => {
    const asked = form?.fields.get(props.when);
    const value = asked && (engine.changes.has(asked.path) ? engine.changes.get(asked.path) : asked.initial);
    return arrayOf(props.is).includes(value) ? engine.children(props, path) : [];
  },
  TextField: (engine, type, props, path) => field(engine, 'Textfield', props, path, props.defaultValue ?? '', (value) => ({ value }), written),
  TextArea: (engine, type, props, path) => field(engine, 'TextArea', props, path, props.defaultValue ?? '', (value) => ({ value }), written),
  DatePicker: (engine, type, props, path) => field(engine, 'DatePicker', props, path, props.defaultValue, (value) => ({ value }), written),
  UserPicker: (engine, type, props, path) => field(engine, 'UserPicker', props, path, props.defaultValue, (value) => ({ defaultValue: value }), (c) => (Array.isArray(c) ? c.map((u) => u?.id ?? u) : c?.id ?? c)),
  Range: (engine, type, props, path) => field(engine, 'Range', props, path, props.defaultValue ?? props.min ?? 0, (value) => ({ value }), (c) => Number(written(c))),
  Toggle: (engine, type, props, path) => field(engine, 'Toggle', props, path, Boolean(props.defaultChecked), (isChecked) => ({ isChecked }), ticked),
  Select: (engine, type, props, path) => {
    const list = options(props, 'Option').map(({ label, value }) => ({ label, value }));
    const first = options(props, 'Option').filter((o) => o.defaultSelected).map((o) => o.value);
    const initial = props.isMulti ? first : first[0];
    return field(engine, 'Select', props, path, initial, (value) => ({
      options: list, value: props.isMulti ? list.filter((o) => arrayOf(value).includes(o.value)) : list.find((o) => o.value === value) ?? null,
    }), chosen);
  },
  RadioGroup: (engine, type, props, path) => {
    const list = options(props, 'Radio');
    return field(engine, 'RadioGroup', props, path, list.find((o) => o.defaultChecked)?.value, (value) => ({ options: list.map(({ label, value: v }) => ({ label, value: v })), value }), written);
  },
  CheckboxGroup: (engine, type, props, path) => {
    const list = options(props, 'Checkbox');
    const initial = list.filter((o) => o.defaultChecked).map((o) => o.value);
    return field(engine, 'CheckboxGroup', props, path, initial, (value) => ({ options: list.map(({ label, value: v }) => ({ label, value: v })), value }), chosen);
  },
  Table: (engine, type, props, path) => through(engine, 'Table', props, path),
  Tabs: (engine, type, props, path) => {
    const tabs = flat(props.children).filter((c) => c.type === 'Tab');
    return node('Tabs', path, { id: engine.key(path) }, [
      node('TabList', `${path}.list`, {}, tabs.map((t, i) => node('Tab', `${path}.tab${i}`, {}, [text(t.props.label ?? '', `${path}.tab${i}.text`)]))),
      ...tabs.map((t, i) => node('TabPanel', `${path}.panel${i}`, {}, engine.children(t.props, `${path}.panel${i}`))),
    ]);
  },
  ModalDialog: (engine, type, props, path) => node('Modal', path, { width: props.width, onClose: engine.fn(path, 'onClose', () => props.onClose?.()) }, [
    node('ModalHeader', `${path}.header`, {}, [node('ModalTitle', `${path}.title`, {}, [text(props.header ?? '', `${path}.title.text`)])]),
    node('ModalBody', `${path}.body`, {}, engine.children(props, path)),
    node('ModalFooter', `${path}.footer`, {}, [
      node('Button', `${path}.close`, { onClick: engine.fn(`${path}.close`, 'onClick', () => props.onClose?.()) }, [text(props.closeButtonText ?? 'Close', `${path}.close.text`)]),
    ]),
  ]),
  InlineDialog: (engine, type, props, path) => engine.children(props, path),
  Tooltip: (engine, type, props, path) => node('Tooltip', path, { content: props.text }, engine.children(props, path)),
  Tag: (engine, type, props, path) => node('Tag', path, { text: props.text, color: props.color }),
  ...Object.fromEntries(roots.map((name) => [name, (engine, type, props, path) => engine.children(props, path)])),
};

/** The nodes of one element. */
export function translate(engine, type, props, path) {
  const at = `${path}.${type}`;
  const draw = drawn[type];
  return arrayOf(draw === undefined ? through(engine, type, props, at) : draw(engine, type, props, at));
}
