// What people press and follow.
import { useContext } from 'preact/hooks';
import { Any, Children, FormContext, Node, fn, shown, useKit, usePending } from '../base.jsx';
import { external, link, oneOf, text } from '../safe.js';
import { Icon } from './icons.jsx';

/** Anchor is a link that the shell follows: no click, however it is made, leaves by itself. */
export function Anchor({ href, newTab, class: name, children, label, onFollow }) {
  const kit = useKit();
  const url = link(href);
  if (!url) return <span class={name}>{children}</span>;
  const follow = (event, tab) => {
    event.preventDefault();
    onFollow?.();
    kit.go(url, tab);
  };
  return (
    <a href={url} class={name ?? 'k-link'} rel="noopener noreferrer" referrerPolicy="no-referrer" aria-label={label} draggable={false}
      onClick={(e) => follow(e, newTab === true || e.ctrlKey || e.metaKey || e.shiftKey)}
      onAuxClick={(e) => (e.button === 1 ? follow(e, true) : undefined)}>
      {children}
      {external(url) && newTab === true && <span class="k-hidden"> (opens in a new tab)</span>}
    </a>
  );
}

export function Link({ node, props }) {
  const kit = useKit();
  const [, run] = usePending();
  const children = node.children.length ? <Children node={node} /> : text(props.text) || text(props.href);
  if (!link(props.href) && fn(props.onClick)) {
    return <button type="button" class="k-aslink" onClick={() => run(props.onClick, [{ type: 'click' }])}>{children}</button>;
  }
  return (
    <Anchor href={props.href} newTab={props.openNewTab === true || props.target === '_blank'} class={`k-link k-link-${oneOf(props.appearance, ['default', 'subtle', 'inverse'], 'default')}`}
      label={text(props['aria-label']) || undefined} onFollow={() => fn(props.onClick) && kit.emit(props.onClick, [{ type: 'click' }])}>
      {children}
    </Anchor>
  );
}

const LOOKS = ['default', 'primary', 'subtle', 'link', 'subtle-link', 'warning', 'danger', 'discovery'];

export function Button({ node, props }) {
  const kit = useKit();
  const form = useContext(FormContext);
  const [pending, run] = usePending();
  const busy = props.isLoading === true;
  const off = props.isDisabled === true || props.disabled === true;
  const label = node.children.length ? <Children node={node} /> : text(props.text) || <Any value={props.children} />;
  const click = (event) => {
    if (busy || off) return event.preventDefault();
    if (fn(props.onClick)) run(props.onClick, [{ type: 'click', target: { value: text(props.value), name: text(props.name) } }]);
  };
  const type = oneOf(props.type, ['button', 'submit', 'reset'], 'button');
  const iconOnly = node.children.length === 0 && text(props.text) === '' && (shown(props.icon) || props.icon);
  return (
    <button type={form ? type : 'button'} id={kit.id(props.id)} disabled={off} autofocus={false}
      class={`k-button k-button-${oneOf(props.appearance, LOOKS, 'default')}${props.spacing === 'compact' ? ' k-compact' : ''}${props.shouldFitContainer ? ' k-fit' : ''}${props.isSelected ? ' k-selected' : ''}`}
      aria-busy={pending || busy || undefined} data-busy={busy || undefined} data-pending={pending || undefined} aria-pressed={props.isSelected === true || undefined}
      aria-label={text(props['aria-label']) || text(props.label) || (iconOnly ? text(props.icon) || kit.say('button') : undefined)} onClick={click}>
      <span class="k-button-content">
        <Side value={props.iconBefore ?? props.icon} /><span class="k-button-label">{label}</span><Side value={props.iconAfter} />
      </span>
      {(busy || pending) && <span class="k-spinner k-spinner-small" aria-hidden="true" />}
    </button>
  );
}

/** Side is an icon by its name, or an element. */
function Side({ value }) {
  if (typeof value === 'string' && value !== '') return <Icon name={value} />;
  return shown(value) ? <span class="k-side"><Any value={value} /></span> : null;
}

export function LinkButton({ node, props }) {
  return (
    <Anchor href={props.isDisabled === true ? null : props.href} newTab={props.target === '_blank' || props.openNewTab === true} label={text(props['aria-label']) || undefined}
      class={`k-button k-button-${oneOf(props.appearance, LOOKS, 'default')}${props.spacing === 'compact' ? ' k-compact' : ''}${props.shouldFitContainer ? ' k-fit' : ''}`}>
      <span class="k-button-content"><Side value={props.iconBefore} /><span class="k-button-label"><Children node={node} /></span><Side value={props.iconAfter} /></span>
    </Anchor>
  );
}

export function ButtonGroup({ node, props }) {
  return <div class="k-buttons" role="group" aria-label={text(props.label) || undefined}><Children node={node} /></div>;
}

/** ThreeLOPrompt asks a person to connect an account: the older kit's way. */
export function ThreeLOPrompt({ props }) {
  const kit = useKit();
  return (
    <div class="k-message k-information" role="note">
      <div class="k-stack">
        <p>{text(props.message) || kit.say('connectText')}</p>
        <div><Anchor href={props.authUrl} newTab class="k-button k-button-primary">{text(props.promptText) || kit.say('connect')}</Anchor></div>
      </div>
    </div>
  );
}

export function Breadcrumbs({ node, props }) {
  const kit = useKit();
  return (
    <nav class="k-breadcrumbs" aria-label={text(props.label) || kit.say('breadcrumbs')}>
      <ol>{node.children.map((c) => <li key={c}><Node k={c} /></li>)}</ol>
    </nav>
  );
}

export function BreadcrumbsItem({ node, props }) {
  const kit = useKit();
  const [, run] = usePending();
  const label = <><Side value={props.iconBefore} />{text(props.text) || <Children node={node} />}<Side value={props.iconAfter} /></>;
  if (link(props.href)) {
    return <Anchor href={props.href} newTab={props.target === '_blank'} onFollow={() => fn(props.onClick) && kit.emit(props.onClick, [{ type: 'click' }])}>{label}</Anchor>;
  }
  if (fn(props.onClick)) return <button type="button" class="k-aslink" onClick={() => run(props.onClick, [{ type: 'click' }])}>{label}</button>;
  return <span>{label}</span>;
}
