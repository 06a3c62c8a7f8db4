// Fields of forms.
import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import {
  Any, Children, FormContext, eventOf, fn, hidden, messageId, shown, targetOf, useDescribed, useEcho, useFormValue, useKit, useOwnId, usePending,
} from '../base.jsx';
import { fromText, toText } from '../adf.js';
import { number, oneOf, text } from '../safe.js';
import { plain } from '../kit.js';
import { Icon } from './icons.jsx';

/** useForm makes what the fields in a form register with. */
export function useCollector() {
  return useMemo(() => {
    const fields = new Map();
    const listeners = new Set();
    return {
      add(name, value) {
        const all = fields.get(name) ?? fields.set(name, new Set()).get(name);
        all.add(value);
        return () => {
          all.delete(value);
          if (all.size === 0) fields.delete(name);
        };
      },
      values() {
        const out = {};
        for (const [name, all] of fields) if (name !== '__proto__') out[name] = [...all].at(-1)();
        return out;
      },
      changed() {
        for (const run of listeners) run();
      },
      listen(run) {
        listeners.add(run);
        return () => listeners.delete(run);
      },
    };
  }, []);
}

export function Form({ node, props }) {
  const kit = useKit();
  const form = useCollector();
  const [pending, run] = usePending();
  const ownButton = props.submitButtonText !== undefined || shown(props.actionButtons) || kit.older;
  return (
    <form class="k-form" noValidate={kit.older ? undefined : true} aria-busy={pending || undefined}
      onSubmit={(e) => {
        e.preventDefault();
        e.stopPropagation();
        if (fn(props.onSubmit) && !pending) run(props.onSubmit, [form.values()]);
      }}>
      <FormContext.Provider value={form}>
        <Children node={node} />
        {ownButton && (
          <div class="k-buttons k-form-footer">
            <button type="submit" class="k-button k-button-primary" data-pending={pending || undefined}>
              <span class="k-button-content"><span class="k-button-label">{text(props.submitButtonText) || kit.say('submit')}</span></span>
              {pending && <span class="k-spinner k-spinner-small" aria-hidden="true" />}
            </button>
            <Any value={props.actionButtons} />
          </div>
        )}
      </FormContext.Provider>
    </form>
  );
}

/** Config is the form of a macro's or a gadget's settings: what is entered is the answer. */
export function Config({ node, props }) {
  const kit = useKit();
  const form = useCollector();
  const [pending, run] = usePending();
  const submit = fn(props.onSubmit);
  if (!submit && !kit.options.config) return <div class="k-stack k-page"><FormContext.Provider value={form}><Children node={node} /></FormContext.Provider></div>;
  return (
    <form class="k-form k-page" onSubmit={(e) => {
      e.preventDefault();
      if (submit) run(submit, [form.values()]);
      else kit.options.config(form.values());
    }}>
      {text(props.header) && <h2 class="k-heading">{text(props.header)}</h2>}
      <FormContext.Provider value={form}><Children node={node} /></FormContext.Provider>
      <div class="k-buttons k-form-footer">
        <button type="submit" class="k-button k-button-primary" disabled={props.isSubmitDisabled === true} data-pending={pending || undefined}>{kit.say('save')}</button>
      </div>
    </form>
  );
}

export function FormHeader({ node, props }) {
  return (
    <div class="k-form-header">
      {shown(props.title) && <h2 class="k-heading k-heading-medium"><Any value={props.title} /></h2>}
      <Children node={node} />
    </div>
  );
}

export function FormSection({ node, props }) {
  return (
    <div class="k-form-section">
      {shown(props.title) && <h3 class="k-heading k-heading-small"><Any value={props.title} /></h3>}
      {shown(props.description) && <p class="k-subtle"><Any value={props.description} /></p>}
      <Children node={node} />
    </div>
  );
}

export const FormFooter = ({ node, props }) => <div class="k-form-footer k-buttons" style={{ justifyContent: props.align === 'end' ? 'flex-end' : undefined }}><Children node={node} /></div>;

/** FormCondition shows its children while a field has one of some values. */
export function FormCondition({ node, props }) {
  const form = useContext(FormContext);
  const [, again] = useState(0);
  useEffect(() => form?.listen(() => again((n) => n + 1)), [form]);
  const now = form?.values()[text(props.when)];
  const wanted = plain(Array.isArray(props.is) ? props.is : [props.is]);
  const has = Array.isArray(now) ? wanted.every((w) => now.includes(w)) : wanted.includes(now);
  return has ? <Children node={node} /> : null;
}

export function Label({ node, props }) {
  const kit = useKit();
  const id = kit.id(props.labelFor);
  return <label class="k-label" for={id} id={id && `${id}-label`}><Children node={node} />{shown(props.children) && node.children.length === 0 && <Any value={props.children} />}</label>;
}

export function RequiredAsterisk() {
  const said = useKit().say('required');
  return <span class="k-asterisk" title={said}><span aria-hidden="true">*</span>{hidden(` (${said})`)}</span>;
}

function message(name, icon) {
  return function Message({ node }) {
    const kit = useKit();
    return (
      <div class={`k-note k-note-${name}`} id={messageId(kit, node.key)} role={name === 'error' ? 'alert' : undefined}>
        {icon && <Icon name={icon} />}<span><Children node={node} /></span>
      </div>
    );
  };
}
export const ErrorMessage = message('error', 'error');
export const HelperMessage = message('helper');
export const ValidMessage = message('valid', 'success');

/** useField gives a field its ids, its name and its messages. */
export function useField(node) {
  const kit = useKit();
  const own = useOwnId();
  const { props } = node;
  const described = useDescribed(node);
  const older = kit.older || node.type === 'UserPicker';
  const id = kit.id(props.id) ?? kit.id(props.inputId) ?? own;
  const label = text(props.label);
  const help = text(props.description);
  if (older && help) described.push(`${id}-help`);
  const labelledBy = text(props['aria-labelledby']).split(/\s+/).filter(Boolean).map((i) => kit.id(i)).join(' ') || undefined;
  const hasLabel = (older && label) || hasLabelFor(kit, props.id);
  const labelled = text(props['aria-label']) || (!hasLabel ? label || (labelledBy ? '' : text(props.placeholder) || text(props.name) || node.type) : '');
  return {
    kit, id, name: text(props.name), label: older ? label : '', help: older ? help : '', hasLabel,
    off: props.isDisabled === true || props.disabled === true, required: props.isRequired === true || props.required === true,
    attrs: {
      id, name: text(props.name) || undefined, 'aria-label': labelled || undefined, 'aria-labelledby': labelledBy, 'aria-describedby': described.join(' ') || undefined,
      'aria-invalid': props.isInvalid === true ? 'true' : undefined,
    },
  };
}

function hasLabelFor(kit, id) {
  if (typeof id !== 'string' || id === '') return false;
  for (const node of kit.tree.nodes.values()) if (node.type === 'Label' && node.props.labelFor === id) return true;
  return false;
}

/** Labelled puts a field's own label above it, where the kit's version has such. */
export function Labelled({ field, group, children }) {
  if (!field.label && !field.help) return children;
  const As = group ? 'span' : 'label';
  return (
    <div class="k-field">
      {field.label && <As class="k-label" id={`${field.id}-label`} for={group ? undefined : field.id}>{field.label}{field.required && <RequiredAsterisk />}</As>}
      {children}
      {field.help && <div class="k-note k-note-helper" id={`${field.id}-help`}>{field.help}</div>}
    </div>
  );
}

/** Typed is an input or a textarea whose value is set only when the field itself does not know better. */
function Typed({ as: As = 'input', value, onValue, ...rest }) {
  const ref = useRef(null);
  const composing = useRef(false);
  useLayoutEffect(() => {
    const el = ref.current;
    if (composing.current || el.value === value) return;
    const { selectionStart, selectionEnd } = el;
    const focused = el.getRootNode().activeElement === el;
    el.value = value;
    if (focused && selectionStart !== null && /^(?:text|search|url|tel|password|textarea)$/.test(el.type)) el.setSelectionRange(selectionStart, selectionEnd);
  });
  return (
    <As {...rest} ref={ref} onInput={(e) => onValue(e.currentTarget.value, e)} onCompositionStart={() => { composing.current = true; }}
      onCompositionEnd={(e) => { composing.current = false; onValue(e.currentTarget.value, e); }} />
  );
}

const INPUT_TYPES = ['text', 'password', 'email', 'number', 'tel', 'url', 'search'];
const asText = (v) => (v === undefined ? undefined : v === null ? '' : text(v));

/** listeners are the events that all fields tell of, besides their change. */
function listeners(kit, props, value) {
  const tell = (name, type) => fn(props[name]) && ((e) => kit.emit(props[name], [eventOf(type, targetOf(e.currentTarget, props, value), type.startsWith('key') ? { key: e.key, shiftKey: e.shiftKey, ctrlKey: e.ctrlKey, metaKey: e.metaKey, altKey: e.altKey } : {})]));
  return { onFocus: tell('onFocus', 'focus'), onBlur: tell('onBlur', 'blur'), onKeyDown: tell('onKeyDown', 'keydown'), onKeyUp: tell('onKeyUp', 'keyup'), onKeyPress: tell('onKeyPress', 'keypress') };
}

export function Textfield({ node, props }) {
  const field = useField(node);
  const state = useEcho(asText(props.value), asText(props.defaultValue) ?? '', fn(props.onChange) ?? fn(props.onInput));
  useFormValue(field.name, state.value);
  return (
    <Labelled field={field}>
      <div class={`k-input${props.isCompact || props.spacing === 'compact' ? ' k-compact' : ''}`} data-invalid={props.isInvalid === true || undefined} data-look={oneOf(props.appearance, ['subtle', 'none'], undefined)} style={{ maxWidth: width(props.width) }}>
        {shown(props.elemBeforeInput) && <span class="k-side"><Any value={props.elemBeforeInput} /></span>}
        <Typed {...field.attrs} type={oneOf(props.type, INPUT_TYPES, 'text')} value={state.value} placeholder={text(props.placeholder) || undefined} disabled={field.off}
          readOnly={props.isReadOnly === true} required={field.required} maxLength={number(props.maxLength, undefined, 0)} minLength={undefined} min={asText(props.min)} max={asText(props.max)} step={asText(props.step)}
          class={props.isMonospaced ? 'k-mono' : undefined} autocomplete="off" spellcheck={props.spellCheck === true || undefined}
          {...listeners(field.kit, props, state.value)}
          onValue={(value, e) => state.edit(value, [eventOf('change', targetOf(e.currentTarget, props, value))])} />
        {shown(props.elemAfterInput) && <span class="k-side"><Any value={props.elemAfterInput} /></span>}
      </div>
    </Labelled>
  );
}

const width = (v) => (typeof v === 'number' ? `${v}px` : { xsmall: '80px', small: '160px', medium: '240px', large: '320px', xlarge: '480px' }[text(v)]);

export function TextArea({ node, props }) {
  const field = useField(node);
  const state = useEcho(asText(props.value), asText(props.defaultValue) ?? '', fn(props.onChange));
  useFormValue(field.name, state.value);
  const rows = number(props.minimumRows, 2, 1, 50);
  return (
    <Labelled field={field}>
      <div class={`k-input k-area${props.isCompact ? ' k-compact' : ''}`} data-invalid={props.isInvalid === true || undefined} data-look={oneOf(props.appearance, ['subtle', 'none'], undefined)}>
        <Typed as="textarea" {...field.attrs} value={state.value} rows={rows} style={{ minHeight: `${rows * 20 + 10}px` }} placeholder={text(props.placeholder) || undefined} disabled={field.off} readOnly={props.isReadOnly === true}
          required={field.required} maxLength={number(props.maxLength, undefined, 0)} class={`${props.isMonospaced ? 'k-mono ' : ''}k-resize-${oneOf(props.resize, ['auto', 'vertical', 'horizontal', 'smart', 'none'], 'smart')}`}
          spellcheck={props.spellCheck === true || undefined} {...listeners(field.kit, props, state.value)}
          onValue={(value, e) => state.edit(value, [eventOf('change', targetOf(e.currentTarget, props, value))])} />
      </div>
    </Labelled>
  );
}

/** Box is what checkboxes, radios and toggles share: a native input with its words. */
function Ticked({ type, role, field, props, checked, indeterminate, onTick, label, value, name }) {
  const ref = useRef(null);
  useLayoutEffect(() => {
    if (ref.current.checked !== checked) ref.current.checked = checked;
    ref.current.indeterminate = indeterminate === true;
  });
  const { attrs } = field;
  return (
    <label class={`k-tick k-tick-${role ?? type}${role === 'switch' && props.size === 'large' ? ' k-large' : ''}`} data-off={field.off || undefined} data-invalid={props.isInvalid === true || undefined}>
      <input ref={ref} type={type} role={role} id={attrs.id} name={name ?? attrs.name} value={value} disabled={field.off} required={field.required && type !== 'radio'} aria-invalid={type === 'radio' ? undefined : attrs['aria-invalid']}
        aria-describedby={attrs['aria-describedby']} aria-label={shown(label) ? undefined : attrs['aria-label']} aria-labelledby={shown(label) ? undefined : attrs['aria-labelledby']}
        onChange={(e) => onTick(e.currentTarget.checked, e)} {...pick(listeners(field.kit, props, value))} />
      {shown(label) && <span><Any value={label} />{field.required && type === 'checkbox' && <RequiredAsterisk />}</span>}
    </label>
  );
}
const pick = ({ onFocus, onBlur }) => ({ onFocus, onBlur });

export function Checkbox({ node, props }) {
  const group = useContext(Group);
  const field = useField(node);
  const value = asText(props.value);
  const state = useEcho(typeof props.isChecked === 'boolean' ? props.isChecked : undefined, props.defaultChecked === true || props.defaultIsChecked === true, fn(props.onChange));
  useFormValue(group ? '' : field.name, state.value);
  if (group) {
    return <Ticked type="checkbox" field={{ ...field, off: field.off || group.off }} props={props} label={props.label ?? childText(node, field.kit)} value={value} name={group.name} checked={group.has(value)} onTick={(on) => group.toggle(value, on)} />;
  }
  return (
    <Ticked type="checkbox" field={field} props={props} label={props.label} value={value} checked={state.value} indeterminate={props.isIndeterminate}
      onTick={(on, e) => state.edit(on, [eventOf('change', { ...targetOf(e.currentTarget, props, value ?? 'on'), checked: on })])} />
  );
}

export function Toggle({ node, props }) {
  const field = useField(node);
  const older = field.kit.older;
  const state = useEcho(typeof props.isChecked === 'boolean' ? props.isChecked : undefined, props.defaultChecked === true, fn(props.onChange));
  useFormValue(field.name, state.value);
  return (
    <Ticked type="checkbox" role="switch" field={field} props={props} label={older ? props.label : undefined} value={asText(props.value)} checked={state.value}
      onTick={(on, e) => state.edit(on, [eventOf('change', { ...targetOf(e.currentTarget, props, text(props.value)), checked: on })])} />
  );
}

/** Group is the group of boxes or radios around a member. */
const Group = createContext(null);
const childText = (node, kit) => (node.children.length ? kit.tree.text(node.key) : undefined);

function optionsOf(kit, node, props, type) {
  if (Array.isArray(props.options)) return props.options.filter((o) => o && typeof o === 'object').slice(0, 1000);
  return kit.tree.find(node.key, [type]).map((n) => n.props);
}

export function CheckboxGroup({ node, props }) {
  const field = useField(node);
  const state = useEcho(Array.isArray(props.value) ? props.value : undefined, Array.isArray(props.defaultValue) ? props.defaultValue
    : optionsOf(field.kit, node, props, 'Checkbox').filter((o) => o.defaultChecked === true).map((o) => o.value), fn(props.onChange));
  useFormValue(field.name, state.value);
  const toggle = (value, on) => {
    const rest = state.value.filter((v) => v !== value);
    const next = on ? [...rest, value] : rest;
    state.edit(next, [next]);
  };
  return (
    <Labelled field={field} group>
      <Members field={field} role="group">
        {Array.isArray(props.options) ? optionsOf(field.kit, node, props).map((o) => (
          <Ticked key={text(o.value)} type="checkbox" field={member(field, o, props)} props={{ isInvalid: props.isInvalid }} label={text(o.label)} value={text(o.value)} name={field.name || undefined}
            checked={state.value.includes(o.value)} onTick={(on) => toggle(o.value, on)} />
        )) : (
          <Group.Provider value={{ name: field.name, off: field.off, has: (v) => state.value.includes(v), toggle }}><Children node={node} /></Group.Provider>
        )}
      </Members>
    </Labelled>
  );
}

const member = (field, option) => ({ kit: field.kit, off: field.off || option.isDisabled === true, required: false, attrs: { 'aria-label': text(option.label) || text(option.value) } });

function Members({ field, role, children }) {
  const named = field.hasLabel ? `${field.id}-label` : field.attrs['aria-labelledby'];
  return (
    <div class="k-members" role={role} id={field.id} aria-labelledby={named} aria-label={named ? undefined : field.attrs['aria-label']} aria-describedby={field.attrs['aria-describedby']}
      aria-required={role === 'radiogroup' && field.required ? 'true' : undefined} aria-invalid={role === 'radiogroup' ? field.attrs['aria-invalid'] : undefined}>
      {children}
    </div>
  );
}

export function RadioGroup({ node, props }) {
  const field = useField(node);
  const own = useOwnId();
  const members = optionsOf(field.kit, node, props, 'Radio');
  const state = useEcho(asText(props.value), asText(props.defaultValue) ?? asText(members.find((o) => o.defaultChecked === true || o.isChecked === true)?.value) ?? '', fn(props.onChange));
  useFormValue(field.name, state.value);
  return (
    <Labelled field={field} group>
      <Members field={field} role="radiogroup">
        {members.map((o) => (
          <Ticked key={text(o.value)} type="radio" field={member(field, o)} props={{ isInvalid: props.isInvalid }} label={text(o.label)} value={text(o.value)} name={own} checked={state.value === text(o.value)}
            onTick={() => state.edit(text(o.value), [eventOf('change', { type: 'radio', name: field.name, id: text(props.id), value: text(o.value), checked: true })])} />
        ))}
      </Members>
    </Labelled>
  );
}

/** Radio alone: a choice among radios of the same name. */
export function Radio({ node, props }) {
  const field = useField(node);
  const state = useEcho(typeof props.isChecked === 'boolean' ? props.isChecked : undefined, props.defaultChecked === true, fn(props.onChange));
  const value = text(props.value);
  return (
    <Ticked type="radio" field={field} props={props} label={props.label} value={value} name={field.kit.id(props.name)} checked={state.value}
      onTick={(on, e) => state.edit(on, [eventOf('change', { ...targetOf(e.currentTarget, props, value), checked: on })])} />
  );
}

export function Range({ node, props }) {
  const field = useField(node);
  const min = number(props.min, 0);
  const max = number(props.max, 100);
  const state = useEcho(props.value === undefined ? undefined : number(props.value, min), number(props.defaultValue, (min + max) / 2), fn(props.onChange));
  useFormValue(field.name, state.value);
  return (
    <Labelled field={field}>
      <div class="k-range">
        <Typed {...field.attrs} type="range" min={min} max={max} step={number(props.step, 1, 1e-6)} value={String(state.value)} disabled={field.off}
          {...pick(listeners(field.kit, props, state.value))} onValue={(v) => state.edit(Number(v), [Number(v)])} />
        <output for={field.id}>{state.value}</output>
      </div>
    </Labelled>
  );
}

export function DatePicker({ node, props }) {
  const field = useField(node);
  const state = useEcho(asText(props.value), asText(props.defaultValue) ?? '', fn(props.onChange));
  useFormValue(field.name, state.value);
  const disabled = Array.isArray(props.disabled) ? props.disabled.map(text) : [];
  return (
    <Labelled field={field}>
      <div class={`k-input k-date${props.spacing === 'compact' ? ' k-compact' : ''}`} data-invalid={props.isInvalid === true || undefined}>
        <Typed {...field.attrs} type="date" value={state.value.slice(0, 10)} min={asText(props.minDate)} max={asText(props.maxDate)} disabled={field.off} required={field.required}
          {...listeners(field.kit, props, state.value)}
          onValue={(v, e) => {
            const no = disabled.includes(v);
            e.currentTarget.setCustomValidity(no ? 'This day cannot be chosen.' : '');
            if (no) e.currentTarget.reportValidity();
            else if (v !== state.value) state.edit(v, [v]);
          }} />
      </div>
    </Labelled>
  );
}

export function TimePicker({ node, props }) {
  const field = useField(node);
  const state = useEcho(asText(props.value), asText(props.defaultValue) ?? '', fn(props.onChange));
  useFormValue(field.name, state.value);
  const times = Array.isArray(props.times) ? props.times.map(text).filter((t) => /^\d{1,2}:\d\d$/.test(t)).map((t) => t.padStart(5, '0')).slice(0, 200) : [];
  return (
    <Labelled field={field}>
      <div class={`k-input k-date${props.spacing === 'compact' ? ' k-compact' : ''}`} data-invalid={props.isInvalid === true || undefined}>
        <Typed {...field.attrs} type="time" value={clock(state.value)} disabled={field.off} required={field.required} list={times.length ? `${field.id}-times` : undefined}
          {...listeners(field.kit, props, state.value)} onValue={(v) => v !== state.value && state.edit(v, [v])} />
        {times.length > 0 && <datalist id={`${field.id}-times`}>{times.map((t) => <option key={t} value={t} />)}</datalist>}
      </div>
    </Labelled>
  );
}

/** clock reads `9:05 pm` too. */
function clock(v) {
  const m = /^(\d{1,2}):(\d\d)(?::\d\d)?\s*(am|pm)?$/i.exec(text(v).trim());
  if (!m) return '';
  const hour = (Number(m[1]) % (m[3] ? 12 : 24)) + (m[3]?.toLowerCase() === 'pm' ? 12 : 0);
  return `${String(hour).padStart(2, '0')}:${m[2]}`;
}

// An event is at most 512 KiB, and base64 takes a third more than the bytes.
const MAX_FILES = 360 << 10;

export function FilePicker({ node, props }) {
  const field = useField(node);
  const [files, set] = useState([]);
  const [trouble, tell] = useState('');
  const [over, hover] = useState(false);
  const input = useRef(null);
  const kit = useKit();
  const take = async (list) => {
    const some = [...list].slice(0, props.isMultiple === false ? 1 : 20);
    if (some.reduce((n, f) => n + f.size, 0) > MAX_FILES) return tell(kit.say('tooLarge', { size: size(MAX_FILES, kit.locale) }));
    tell('');
    const read = await Promise.all(some.map(async (f) => ({ name: f.name, size: f.size, type: f.type, data: await base64(f) })));
    set(read.map(({ name, size }) => ({ name, size })));
    if (fn(props.onChange)) kit.emit(props.onChange, [read]);
  };
  return (
    <div class="k-files" data-over={over || undefined} onDragOver={(e) => { e.preventDefault(); hover(true); }} onDragLeave={() => hover(false)}
      onDrop={(e) => { e.preventDefault(); hover(false); if (!field.off) take(e.dataTransfer.files); }}>
      {field.label && <label class="k-label" for={field.id}>{field.label}</label>}
      <input ref={input} {...field.attrs} type="file" multiple={props.isMultiple !== false} disabled={field.off} accept={text(props.accept) || undefined} onChange={(e) => take(e.currentTarget.files)} />
      <p class="k-subtle">{text(props.description) || kit.say('drop')}</p>
      {files.length > 0 && <ul class="k-list">{files.map((f) => <li key={f.name}>{f.name} ({size(f.size, kit.locale)})</li>)}</ul>}
      {trouble && <div class="k-note k-note-error" role="alert">{trouble}</div>}
    </div>
  );
}

async function base64(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = '';
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

export function size(bytes, locale) {
  const n = number(bytes, 0, 0);
  const [unit, by] = n >= 1e6 ? ['megabyte', 1e6] : n >= 1e3 ? ['kilobyte', 1e3] : ['byte', 1];
  return new Intl.NumberFormat(locale, { style: 'unit', unit, maximumFractionDigits: 1 }).format(n / by);
}

export function InlineEdit({ node, props }) {
  const kit = useKit();
  const form = useCollector();
  const [open, set] = useState(props.startWithEditViewOpen === true);
  const editing = typeof props.isEditing === 'boolean' ? props.isEditing : open;
  const id = useOwnId();
  const box = useRef(null);
  const back = useRef(null);
  const was = useRef(editing);
  const [pending, run] = usePending();
  const start = () => {
    set(true);
    if (fn(props.onEdit)) run(props.onEdit, []);
  };
  const stop = (confirm) => {
    const value = [...Object.values(form.values())].at(0) ?? null;
    set(false);
    if (confirm) fn(props.onConfirm) && run(props.onConfirm, [value]);
    else fn(props.onCancel) && run(props.onCancel, []);
  };
  // Before anything else is typed: keys belong to the field from the moment it is there.
  useLayoutEffect(() => {
    const field = editing && !was.current ? box.current?.querySelector('input, textarea') : null;
    if (field) {
      field.focus();
      // One goes on writing where the text ends.
      if (/^(?:text|search|url|tel|password|textarea)$/.test(field.type)) field.setSelectionRange(field.value.length, field.value.length);
    }
    if (!editing && was.current) back.current?.focus();
    was.current = editing;
  }, [editing]);
  const label = text(props.label);
  const reading = shown(props.readView) ? <Any value={props.readView} /> : <Any value={props.defaultValue} />;
  if (!editing) {
    return (
      <div class="k-field">
        {label && <span class="k-label" id={id}>{label}</span>}
        <div class={`k-inline-read${props.readViewFitContainerWidth ? ' k-fit' : ''}`} data-pending={pending || undefined} onClick={start}>
          {reading}
          <button type="button" ref={back} class="k-quiet" aria-label={text(props.editButtonLabel) || kit.say('edit', { name: label }).trim()}><Icon name="edit" /></button>
        </div>
      </div>
    );
  }
  return (
    <form class="k-field" ref={box} onSubmit={(e) => { e.preventDefault(); e.stopPropagation(); stop(true); }}
      onKeyDown={(e) => { if (e.key === 'Escape') { e.stopPropagation(); stop(false); } }}>
      {label && <span class="k-label" id={id}>{label}</span>}
      <FormContext.Provider value={form}>
        {shown(props.editView) ? <Any value={props.editView} /> : node.children.length ? <Children node={node} /> : <Plain name="value" initial={asText(props.defaultValue) ?? ''} label={label || kit.say('value')} />}
      </FormContext.Provider>
      {props.hideActionButtons !== true && (
        <div class="k-buttons">
          <button type="submit" class="k-button k-compact" aria-label={text(props.confirmButtonLabel) || kit.say('confirm')}><Icon name="check" /></button>
          <button type="button" class="k-button k-compact" aria-label={text(props.cancelButtonLabel) || kit.say('cancel')} onClick={() => stop(false)}><Icon name="close" /></button>
        </div>
      )}
    </form>
  );
}

function Plain({ name, initial, label }) {
  const [value, set] = useState(initial);
  useFormValue(name, value);
  return <div class="k-input"><input aria-label={label} value={value} onInput={(e) => set(e.currentTarget.value)} /></div>;
}

/** Editor is a plain field that reads and writes documents. */
export function Editor({ node, props }) {
  const field = useField(node);
  const kit = field.kit;
  const [value, set] = useState(() => toText(props.defaultValue ?? props.value));
  const [pending, run] = usePending();
  const doc = useMemo(() => fromText(value), [value]);
  useFormValue(field.name, doc);
  const state = useEcho(undefined, value, fn(props.onChange));
  return (
    <div class="k-field">
      <div class="k-input k-area" data-look={node.type === 'ChromelessEditor' ? 'subtle' : undefined}>
        <Typed as="textarea" {...field.attrs} aria-label={field.hasLabel ? undefined : text(props['aria-label']) || text(props.placeholder) || kit.say('text')} rows={5} value={value} disabled={field.off}
          placeholder={text(props.placeholder) || kit.say('write')}
          {...listeners(kit, props, value)} onValue={(v) => { set(v); state.edit(v, [fromText(v)]); }} />
      </div>
      {(fn(props.onSave) || fn(props.onCancel)) && (
        <div class="k-buttons">
          {fn(props.onSave) && <button type="button" class="k-button k-button-primary" disabled={props.isDisabled === true} data-pending={pending || undefined} onClick={() => run(props.onSave, [doc])}>{kit.say('save')}</button>}
          {fn(props.onCancel) && <button type="button" class="k-button k-button-subtle" onClick={() => run(props.onCancel, [])}>{kit.say('cancel')}</button>}
        </div>
      )}
    </div>
  );
}
