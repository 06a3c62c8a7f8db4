// Select: a combobox with a list, one or many values, groups, search. A person's choice
// shows at once; see echo.js.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { fn, useEcho, useFormValue, useKit } from '../base.jsx';
import { same } from '../echo.js';
import { plain } from '../kit.js';
import { text } from '../safe.js';
import { Labelled, useField } from './fields.jsx';
import { Icon } from './icons.jsx';
import { useFloating } from './overlay.jsx';

const FAILED = []; // what a search found that did not work
const LIMIT = 500; // options shown at once: the rest is found by typing

/** flatten lists options, each with the name of its group. */
export function flatten(kit, node, props) {
  if (!Array.isArray(props.options)) {
    return kit.tree.find(node.key, ['Option']).map((n) => ({ option: { label: text(n.props.label) || kit.tree.text(n.key), value: n.props.value }, chosen: n.props.defaultSelected === true }));
  }
  return props.options.filter((o) => o && typeof o === 'object').flatMap((o) => (
    Array.isArray(o.options) ? o.options.filter((i) => i && typeof i === 'object').map((option) => ({ option, group: text(o.label) })) : [{ option: o }]));
}

export function Select({ node, props }) {
  const kit = useKit();
  return <Chooser node={node} props={props} options={flatten(kit, node, props)} />;
}

const list = (v) => (v === null || v === undefined || v === '' ? [] : Array.isArray(v) ? v : [v]);

/**
 * Chooser draws the combobox. search, if given, brings options for what is typed; name, if
 * given, knows better what an option is called.
 */
export function Chooser({ node, props, options, search, name, picture, answerOf = (o, older) => (older ? o.value : plain(o)) }) {
  const kit = useKit();
  const field = useField(node);
  const multi = props.isMulti === true;
  const labelOf = (o) => text(name?.(o)) || text(o?.label) || text(o?.value);
  // Apps hold the chosen option, or only its value.
  const resolve = (v) => list(plain(v)).map((x) => (x && typeof x === 'object' ? x : options.find(({ option }) => same(option.value, x))?.option ?? { label: text(x), value: x }));
  const start = props.defaultValue !== undefined ? resolve(props.defaultValue) : options.filter((o) => o.chosen).map((o) => o.option);
  const state = useEcho(props.value === undefined ? undefined : resolve(props.value), start, fn(props.onChange));
  const chosen = state.value;
  const answer = (some) => (multi ? some.map((o) => answerOf(o, false)) : some.length ? answerOf(some[0], false) : null);
  const kept = chosen.map((o) => (kit.older || search ? answerOf(o, true) : plain(o)));
  useFormValue(field.name, multi ? kept : kept[0] ?? null);

  const [open, setOpen] = useState(props.defaultMenuIsOpen === true);
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(-1);
  const [found, setFound] = useState(null);
  const input = useRef(null);
  const anchor = useRef(null);
  const menu = useRef(null);
  const searchable = props.isSearchable !== false;
  useFloating(open, anchor, menu, 'bottom-start', true);

  // Names may come with other options: the newest search counts.
  useEffect(() => {
    if (!search || !open) return;
    let live = true;
    const timer = setTimeout(() => search(typed).then((some) => live && setFound(some), () => live && setFound(FAILED)), typed ? 200 : 0);
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [open, typed]);

  const all = search ? (found ?? []).map((option) => ({ option })) : options;
  const needle = typed.trim().toLocaleLowerCase();
  const matching = all.filter(({ option }) => (search || needle === '' || labelOf(option).toLocaleLowerCase().includes(needle))
    && !(multi && props.hideSelectedOptions !== false && chosen.some((c) => same(c.value, option.value)))).slice(0, LIMIT);

  const choose = (some) => {
    state.edit(some, [answer(some)]);
  };
  const take = (option) => {
    if (option.isDisabled === true) return;
    choose(multi ? [...chosen.filter((c) => !same(c.value, option.value)), option] : [option]);
    setTyped('');
    setAt(-1);
    if (!multi || props.closeMenuOnSelect === true) setOpen(false);
    input.current.focus();
  };
  const show = (on) => {
    if (field.off || on === open) return;
    setOpen(on);
    setAt(on ? Math.max(0, matching.findIndex(({ option }) => same(option.value, chosen[0]?.value))) : -1);
    if (!on) setTyped('');
  };
  const key = (e) => {
    if (e.isComposing) return;
    const move = (n) => {
      e.preventDefault();
      if (!open) return show(true);
      if (matching.length) setAt((i) => (i + n + matching.length) % matching.length);
    };
    if (e.key === 'ArrowDown') move(1);
    else if (e.key === 'ArrowUp') move(-1);
    else if (e.key === 'Home' && open && !typed) { e.preventDefault(); setAt(0); } else if (e.key === 'End' && open && !typed) { e.preventDefault(); setAt(matching.length - 1); } else if (e.key === 'Enter') {
      if (open && matching[at]) { e.preventDefault(); take(matching[at].option); } else if (open) e.preventDefault();
    } else if (e.key === 'Escape' && open) { e.preventDefault(); e.stopPropagation(); show(false); } else if (e.key === 'Tab') show(false);
    else if (e.key === 'Backspace' && typed === '' && chosen.length && (multi || props.isClearable)) choose(multi ? chosen.slice(0, -1) : []);
    else if (e.key === ' ' && (!searchable || !open)) { e.preventDefault(); show(true); } else if (!searchable && e.key.length === 1) {
      const i = matching.findIndex(({ option }) => labelOf(option).toLocaleLowerCase().startsWith(e.key.toLocaleLowerCase()));
      if (i >= 0) { show(true); setAt(i); }
    }
  };
  useLayoutEffect(() => {
    if (open && at >= 0) menu.current?.querySelector(`[data-at="${at}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [open, at]);

  const optionId = (i) => `${field.id}-option-${i}`;
  let group;
  return (
    <Labelled field={field}>
      <div class="k-select" ref={anchor} data-off={field.off || undefined} data-invalid={props.isInvalid === true || undefined}
        onFocusOut={(e) => { if (!e.currentTarget.contains(e.relatedTarget)) show(false); }}>
        <div class={`k-input k-combo${props.spacing === 'compact' ? ' k-compact' : ''}`} data-invalid={props.isInvalid === true || undefined} data-look={props.appearance === 'subtle' || props.appearance === 'none' ? props.appearance : undefined}
          onMouseDown={(e) => { if (e.target !== input.current && !e.target.closest('button')) e.preventDefault(); }}
          onClick={(e) => { if (!e.target.closest('button')) { input.current.focus(); show(searchable && open && e.target === input.current ? true : !open); } }}>
          {multi && chosen.map((o) => (
            <span key={text(o.value) || labelOf(o)} class="k-tag">
              <span>{labelOf(o)}</span>
              {!field.off && <button type="button" class="k-quiet" aria-label={kit.say('remove', { name: labelOf(o) })} onClick={() => { choose(chosen.filter((c) => c !== o)); input.current.focus(); }}><Icon name="close" size={12} /></button>}
            </span>
          ))}
          {!multi && chosen.length > 0 && picture?.(chosen[0])}
          <input ref={input} {...field.attrs} name={undefined} role="combobox" autocomplete="off" aria-autocomplete={searchable ? 'list' : 'none'} aria-expanded={open} aria-controls={open ? `${field.id}-menu` : undefined}
            aria-activedescendant={open && matching[at] ? optionId(at) : undefined} aria-required={field.required || undefined} disabled={field.off} readOnly={!searchable}
            value={open && searchable ? typed : multi ? '' : labelOf(chosen[0])} placeholder={open && !multi && chosen.length ? labelOf(chosen[0]) : multi && chosen.length ? '' : text(props.placeholder) || kit.say('select')}
            onInput={(e) => {
              setTyped(e.currentTarget.value);
              setAt(0);
              if (!open) setOpen(true);
              if (fn(props.onInputChange)) kit.emit(props.onInputChange, [e.currentTarget.value, { action: 'input-change' }]);
            }}
            onKeyDown={key} onFocus={() => fn(props.onFocus) && kit.emit(props.onFocus, [{ type: 'focus' }])} onBlur={() => fn(props.onBlur) && kit.emit(props.onBlur, [{ type: 'blur' }])} />
          {props.isLoading === true && <span class="k-spinner k-spinner-small" role="img" aria-label={kit.say('loading')} />}
          {chosen.length > 0 && !field.off && (props.isClearable === true || (multi && props.isClearable !== false)) && (
            <button type="button" class="k-quiet" aria-label={kit.say('clear')} onClick={() => { choose([]); input.current.focus(); }}><Icon name="cross-circle" /></button>
          )}
          <span class="k-arrow" aria-hidden="true"><Icon name="chevron-down" /></span>
        </div>
        <div ref={menu} class="k-menu" popover="manual" id={`${field.id}-menu`} role="listbox" aria-label={field.label || field.attrs['aria-label'] || kit.say('options')} aria-multiselectable={multi || undefined}
          onMouseDown={(e) => e.preventDefault()}>
          {open && matching.map(({ option, group: of }, i) => {
            const head = of && of !== group ? <div class="k-menu-head" role="presentation">{of}</div> : null;
            group = of;
            const on = chosen.some((c) => same(c.value, option.value));
            return [head, (
              <div key={i} id={optionId(i)} data-at={i} role="option" aria-selected={on} aria-disabled={option.isDisabled === true || undefined} class={`k-option${i === at ? ' k-at' : ''}`}
                onMouseMove={() => i !== at && setAt(i)} onClick={() => take(option)}>
                {picture?.(option)}<span>{labelOf(option)}{text(option.description) && <small class="k-subtle">{text(option.description)}</small>}</span>
              </div>
            )];
          })}
          {open && matching.length === 0 && <div class="k-menu-none" role="option" aria-disabled="true" aria-selected="false">{search && found === null ? kit.say('searching') : found === FAILED ? kit.say('noSearch') : text(props.noOptionsMessage) || kit.say('noOptions')}</div>}
        </div>
      </div>
    </Labelled>
  );
}

