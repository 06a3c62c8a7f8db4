// What is only looked at, mostly.
import { useEffect, useRef } from 'preact/hooks';
import { Any, Children, Node, fn, shown, useKit, usePending } from '../base.jsx';
import { number, oneOf, picture, text } from '../safe.js';
import { color } from '../tokens.js';
import { Anchor } from './action.jsx';
import { size } from './fields.jsx';
import { Icon } from './icons.jsx';

const MESSAGES = { information: 'info', info: 'info', success: 'success', warning: 'warning', error: 'error', danger: 'error', discovery: 'question', confirmation: 'success', change: 'question' };
const LOOKS = { info: 'information', error: 'danger', confirmation: 'success', change: 'discovery' };

export function SectionMessage({ node, props }) {
  const kit = useKit();
  const look = oneOf(props.appearance, Object.keys(MESSAGES), 'information');
  const name = LOOKS[look] ?? look;
  const actions = node.children.filter((c) => kit.tree.get(c)?.type === 'SectionMessageAction');
  return (
    <section class={`k-message k-${name}`} aria-label={text(props.title) || kit.say(name)}>
      <span class="k-message-icon"><Icon name={MESSAGES[look]} label={kit.say(name)} size={20} /></span>
      <div class="k-stack">
        {shown(props.title) && <strong class="k-message-title"><Any value={props.title} /></strong>}
        <div class="k-message-body">{shown(props.text) && <Any value={props.text} />}<Children node={{ children: node.children.filter((c) => !actions.includes(c)) }} /></div>
        {(actions.length > 0 || shown(props.actions)) && <div class="k-message-actions"><Children node={{ children: actions }} /><Any value={props.actions} /></div>}
      </div>
    </section>
  );
}

export function SectionMessageAction({ node, props }) {
  const [, run] = usePending();
  const label = node.children.length ? <Children node={node} /> : text(props.text);
  if (fn(props.onClick) && !props.href) return <button type="button" class="k-aslink" onClick={() => run(props.onClick, [{ type: 'click' }])}>{label}</button>;
  return <Anchor href={props.href} newTab={props.target === '_blank'} onFollow={() => fn(props.onClick) && run(props.onClick, [{ type: 'click' }])}>{label}</Anchor>;
}

export function EmptyState({ node, props }) {
  const kit = useKit();
  const src = picture(props.imageUrl, kit.options.assetURL);
  const As = `h${number(props.headingLevel, 4, 1, 6)}`;
  return (
    <div class="k-empty" style={{ maxWidth: props.width === 'narrow' ? '304px' : '464px' }}>
      {src && <img class="k-image" src={src} alt="" referrerPolicy="no-referrer" />}
      <As class="k-heading k-heading-medium"><Any value={props.header} /></As>
      {shown(props.description) && <div class="k-text"><Any value={props.description} /></div>}
      <Children node={node} />
      {(shown(props.primaryAction) || shown(props.secondaryAction) || props.isLoading) && (
        <div class="k-buttons"><Any value={props.secondaryAction} /><Any value={props.primaryAction} />{props.isLoading === true && <span class="k-spinner" role="img" aria-label={kit.say('loading')} />}</div>
      )}
      {shown(props.tertiaryAction) && <div><Any value={props.tertiaryAction} /></div>}
    </div>
  );
}

const LOZENGES = { default: 'gray', success: 'green', removed: 'red', inprogress: 'blue', new: 'purple', moved: 'yellow', 'in-progress': 'blue' };

export function Lozenge({ node, props }) {
  const look = LOZENGES[oneOf(props.appearance, Object.keys(LOZENGES), 'default')];
  const max = number(props.maxWidth, undefined, 20, 2000);
  return <span class={`k-lozenge k-${look}${props.isBold === true ? ' k-bold' : ''}`} style={{ maxWidth: max && `${max}px` }}>{node.children.length ? <Children node={node} /> : <Any value={props.text} />}</span>;
}

export function DateLozenge({ props }) {
  const kit = useKit();
  const ms = number(props.value, NaN, -8.64e15, 8.64e15);
  const when = Number.isFinite(ms) ? new Intl.DateTimeFormat(kit.locale, { dateStyle: 'medium', timeZone: zone(kit) }).format(ms) : '';
  return <time class={`k-lozenge k-${LOZENGES[oneOf(props.appearance, Object.keys(LOZENGES), 'default')]}`} dateTime={Number.isFinite(ms) ? new Date(ms).toISOString() : undefined}>{when}</time>;
}

/** zone is the person's time zone, if the browser knows it. */
function zone(kit) {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: kit.options.timezone }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

const BADGES = { default: 'gray', added: 'green', removed: 'red', important: 'red k-bold', primary: 'blue k-bold', primaryInverted: 'blue' };

export function Badge({ node, props }) {
  const kit = useKit();
  const raw = node.children.length ? kit.tree.text(node.key) : text(props.text);
  const n = raw.trim() === '' ? NaN : Number(raw);
  const max = props.max === false ? Infinity : number(props.max, 99);
  return <span class={`k-badge k-${BADGES[oneOf(props.appearance, Object.keys(BADGES), 'default')]}`}>{Number.isFinite(n) ? (n > max ? `${max}+` : String(Math.max(0, n))) : raw}</span>;
}

const TAG_HUES = ['blue', 'red', 'yellow', 'green', 'teal', 'purple', 'lime', 'magenta', 'orange', 'gray'];

export function Tag({ node, props }) {
  const kit = useKit();
  const [pending, run] = usePending();
  const hue = oneOf(text(props.color).replace(/(?:Light|-light)$/, '').replace('grey', 'gray').replace('standard', 'gray'), TAG_HUES, 'gray');
  const content = node.children.length ? <Children node={node} /> : text(props.text);
  const removable = fn(props.onAfterRemoveAction) || fn(props.onBeforeRemoveAction) || fn(props.onRemove);
  return (
    <span class={`k-tag k-${hue}${props.appearance === 'rounded' ? ' k-rounded' : ''}`} data-pending={pending || undefined}>
      {shown(props.elemBefore) && <span class="k-side"><Any value={props.elemBefore} /></span>}
      {props.href ? <Anchor href={props.href}>{content}</Anchor> : <span>{content}</span>}
      {removable && props.isRemovable !== false && (
        <button type="button" class="k-quiet" aria-label={text(props.removeButtonLabel) || kit.say('remove', { name: text(props.text) }).trim()}
          onClick={() => {
            if (fn(props.onBeforeRemoveAction)) run(props.onBeforeRemoveAction, []);
            if (fn(props.onAfterRemoveAction)) run(props.onAfterRemoveAction, [text(props.text)]);
            if (fn(props.onRemove)) run(props.onRemove, [text(props.text)]);
          }}><Icon name="close" size={12} /></button>
      )}
    </span>
  );
}

export const TagGroup = ({ node, props }) => <div class="k-tags" role="group" aria-label={useKit().say('tags')} style={{ justifyContent: props.alignment === 'end' ? 'flex-end' : undefined }}><Children node={node} /></div>;

export function ProgressBar({ node, props }) {
  const kit = useKit();
  const look = node.type === 'SuccessProgressBar' ? 'success' : oneOf(props.appearance, ['success', 'inverse'], 'default');
  const value = number(props.value, 0, 0, 1);
  const label = text(props.ariaLabel) || text(props['aria-label']) || kit.say('progress');
  return props.isIndeterminate === true
    ? <progress class={`k-progress k-progress-${look}`} aria-label={label} />
    : <progress class={`k-progress k-progress-${look}`} value={value} max={1} aria-label={label} />;
}

export function ProgressTracker({ props }) {
  const kit = useKit();
  const items = (Array.isArray(props.items) ? props.items : []).filter((i) => i && typeof i === 'object').slice(0, 50);
  return (
    <ol class={`k-tracker${props.animated === false ? ' k-still' : ''}`} aria-label={text(props.label) || kit.say('progress')}>
      {items.map((item, i) => {
        const status = oneOf(item.status, ['unvisited', 'visited', 'current', 'disabled'], 'unvisited');
        const label = text(item.label);
        return (
          <li key={text(item.id) || i} class={`k-step k-step-${status}`} aria-current={status === 'current' ? 'step' : undefined}>
            <span class="k-dot" aria-hidden="true" />
            {item.href && item.noLink !== true && status === 'visited' ? <Anchor href={item.href} onFollow={() => fn(item.onClick) && kit.emit(item.onClick, [])}>{label}</Anchor>
              : fn(item.onClick) && status === 'visited' ? <button type="button" class="k-aslink" onClick={() => kit.emit(item.onClick, [])}>{label}</button> : <span>{label}</span>}
          </li>
        );
      })}
    </ol>
  );
}

const SPIN = { xsmall: 12, small: 16, medium: 24, large: 48, xlarge: 72 };

export function Spinner({ props }) {
  const kit = useKit();
  const px = typeof props.size === 'number' ? Math.min(200, Math.max(8, props.size)) : SPIN[oneOf(props.size, Object.keys(SPIN), 'medium')];
  return <span class="k-spinner" role="img" aria-label={text(props.label) || text(props['aria-label']) || kit.say('loading')} style={{ width: `${px}px`, height: `${px}px` }} />;
}

export function Comment({ node, props }) {
  const kit = useKit();
  return (
    <article class={`k-comment${props.highlighted ? ' k-marked' : ''}`} aria-label={kit.say('comment')}>
      {shown(props.avatar) && <div><Any value={props.avatar} /></div>}
      <div class="k-stack">
        <div class="k-inline k-comment-head">
          <strong><Any value={props.author} /></strong>
          {shown(props.type) && <span class="k-lozenge k-gray"><Any value={props.type} /></span>}
          <span class="k-subtle"><Any value={props.time} /></span>
          {props.isEdited || props.edited ? <span class="k-subtle">{text(props.edited) || kit.say('edited')}</span> : null}
          {shown(props.restrictedTo) && <span class="k-subtle"><Icon name="lock" label={kit.say('restricted')} size={12} /> <Any value={props.restrictedTo} /></span>}
          {props.isSaving === true && <span class="k-subtle" role="status">{text(props.savingText) || kit.say('saving')}</span>}
        </div>
        <div><Any value={props.content} /></div>
        {shown(props.actions) && <div class="k-comment-actions"><Any value={props.actions} /></div>}
        {props.isError && shown(props.errorActions) && <div class="k-comment-actions"><Any value={props.errorActions} /></div>}
        <Children node={node} />
      </div>
    </article>
  );
}

export function FileCard({ props }) {
  const kit = useKit();
  const [pending, run] = usePending();
  const name = text(props.fileName) || text(props.name) || kit.say('file');
  const bytes = props.fileSize ?? props.size;
  const icon = picture(props.iconUrl ?? props.dataUri ?? props.thumbnailUrl, kit.options.assetURL);
  return (
    <div class="k-filecard" data-pending={pending || undefined} role="group" aria-label={name}>
      {icon ? <img class="k-thumb" src={icon} alt="" referrerPolicy="no-referrer" /> : <span class="k-thumb"><Icon name={/^image\//.test(text(props.fileType)) ? 'image' : 'file'} size={24} /></span>}
      <div class="k-stack">
        <strong>{name}</strong>
        <span class="k-subtle">{[text(props.fileType), bytes === undefined ? '' : size(bytes, kit.locale)].filter(Boolean).join(' · ')}</span>
        {props.isUploading === true && <progress class="k-progress" value={number(props.uploadProgress, undefined, 0, 100)} max={100} aria-label={kit.say('upload')} />}
        {text(props.error) && <span class="k-note k-note-error" role="alert">{text(props.error)}</span>}
      </div>
      {[['onDownload', 'download', 'download'], ['onRetry', 'refresh', 'retry'], ['onDelete', 'delete', 'delete'], ['onRemove', 'delete', 'remove']].map(([prop, glyph, what]) => fn(props[prop]) && (
        <button key={prop} type="button" class="k-quiet" aria-label={kit.say(what, { name })} disabled={props.isDisabled === true} onClick={() => run(props[prop], [{ type: 'click' }])}><Icon name={glyph} /></button>
      ))}
    </div>
  );
}

const IMAGE_SIZES = { xsmall: '25%', small: '50%', medium: '75%', large: '100%' };

export function Image({ props }) {
  const kit = useKit();
  const src = picture(props.src, kit.options.assetURL);
  const length = (v) => (typeof v === 'number' ? Math.min(10000, Math.max(1, v)) : /^\d{1,5}(?:px)?$/.test(text(v)) ? parseInt(v, 10) : undefined);
  const alt = text(props.alt);
  if (!src) return <span class="k-broken"><Icon name="image" /> {alt || kit.say('image')}</span>;
  return <img class="k-image" src={src} alt={alt} width={length(props.width)} height={length(props.height)} referrerPolicy="no-referrer" decoding="async"
    style={{ maxWidth: props.width === undefined && Object.hasOwn(IMAGE_SIZES, text(props.size)) ? IMAGE_SIZES[props.size] : undefined }} />;
}

const TILE = { xxsmall: 16, xsmall: 20, small: 24, medium: 32, large: 40, xlarge: 48 };

export function Tile({ node, props }) {
  const px = TILE[oneOf(props.size, Object.keys(TILE), 'medium')];
  return (
    <span class={`k-tile${props.hasBorder === true ? ' k-bordered' : ''}`} role={text(props.label) ? 'img' : undefined} aria-label={text(props.label) || undefined}
      style={{ width: `${px}px`, height: `${px}px`, background: color(text(props.backgroundColor)) ?? undefined, padding: props.isInset === false ? 0 : undefined }}>
      <Children node={node} />
    </span>
  );
}

/** Frame holds a resource of the app: the shell makes the frame, under the app's own policy. */
export function Frame({ props }) {
  const kit = useKit();
  const box = useRef(null);
  const resource = text(props.resource);
  useEffect(() => {
    const el = resource && kit.options.frame?.(resource, { width: text(props.width), height: text(props.height) });
    if (!el) return;
    box.current.replaceChildren(el);
    return () => el.remove();
  }, [resource]);
  const length = (v) => (typeof v === 'number' ? `${v}px` : /^\d{1,5}(?:\.\d+)?(?:px|%|em|rem|vh|vw)$/.test(text(v)) ? v : undefined);
  return <div class="k-frame" ref={box} style={{ width: length(props.width), height: length(props.height) }} />;
}

export function ErrorPanel({ node }) {
  const kit = useKit();
  return <div class="k-message k-danger" role="alert"><span class="k-message-icon"><Icon name="error" label={kit.say('danger')} size={20} /></span><div><Children node={node} /></div></div>;
}

/** AvatarStack and the like: children side by side. */
export const Row = ({ node }) => <div class="k-inline"><Children node={node} /></div>;

export function ButtonSet({ node }) {
  return <div class="k-buttons">{node.children.map((c) => <Node key={c} k={c} />)}</div>;
}
