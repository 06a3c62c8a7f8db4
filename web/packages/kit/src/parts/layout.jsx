// Boxes, rows, columns and texts.
import { useContext } from 'preact/hooks';
import { Any, Children, KitContext, Node, fn, shown, useKit, usePending } from '../base.jsx';
import { inline } from '../adf.js';
import { oneOf, text } from '../safe.js';
import { color, space } from '../tokens.js';
import { Inlines } from './document.jsx';

const JUSTIFY = { start: 'flex-start', center: 'center', end: 'flex-end', 'space-between': 'space-between' };
const ALIGN = { start: 'flex-start', center: 'center', end: 'flex-end', baseline: 'baseline', stretch: 'stretch' };
const own = (table, key) => (typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined);
const gap = (v) => (typeof v === 'string' ? space(v) ?? undefined : undefined);

// Props of Box and Pressable which are styles by another name.
const BOX = ['padding', 'paddingBlock', 'paddingBlockStart', 'paddingBlockEnd', 'paddingInline', 'paddingInlineStart', 'paddingInlineEnd', 'backgroundColor'];

function boxStyle(props) {
  const direct = {};
  for (const name of BOX) if (props[name] !== undefined) direct[name] = props[name];
  return [direct, props.xcss];
}

// Containers of the platform take events and fields from nobody: a box is never a link or a script.
const ELEMENTS = ['div', 'span', 'section', 'article', 'aside', 'main', 'header', 'footer', 'nav', 'ul', 'ol', 'li', 'dl', 'dt', 'dd', 'p'];

export function Box({ node, props }) {
  const kit = useKit();
  const As = oneOf(props.as, ELEMENTS, 'div');
  return (
    <As class={`k-box ${kit.styles.name(boxStyle(props))}`} id={kit.id(props.id)} role={oneOf(props.role, ['group', 'region', 'list', 'listitem', 'note', 'presentation', 'status'], undefined)}
      aria-label={text(props['aria-label']) || undefined}>
      <Children node={node} />
    </As>
  );
}

export function Pressable({ node, props }) {
  const kit = useKit();
  const [pending, run] = usePending();
  return (
    <button type="button" class={`k-pressable ${kit.styles.name(boxStyle(props))}`} id={kit.id(props.id)} disabled={props.isDisabled === true} aria-busy={pending || undefined}
      aria-label={text(props['aria-label']) || text(props.label) || undefined}
      onClick={() => fn(props.onClick) && run(props.onClick, [{ type: 'click' }])}
      onFocus={() => fn(props.onFocus) && run(props.onFocus, [{ type: 'focus' }])}
      onBlur={() => fn(props.onBlur) && run(props.onBlur, [{ type: 'blur' }])}>
      <Children node={node} />
    </button>
  );
}

export function Stack({ node, props }) {
  return (
    <div class="k-stack" style={{
      gap: gap(props.space), alignItems: own(ALIGN, props.alignInline), justifyContent: own(JUSTIFY, props.spread) ?? own(JUSTIFY, props.alignBlock),
      flexGrow: props.grow === 'fill' ? 1 : undefined, width: props.grow === 'fill' ? '100%' : undefined,
    }}>
      <Children node={node} />
    </div>
  );
}

export function Inline({ node, props }) {
  const { nodes } = useKit().tree;
  const children = text(props.separator) === '' ? <Children node={node} /> : node.children.map((c, i) => (
    <span key={nodes.get(c)?.key} class="k-contents">{i > 0 && <span class="k-subtle" aria-hidden="true">{text(props.separator)}</span>}<Node k={c} /></span>
  ));
  return (
    <div class="k-inline" style={{
      gap: [gap(props.rowSpace) ?? gap(props.space), gap(props.space)].filter(Boolean).join(' ') || undefined,
      flexWrap: props.shouldWrap === true ? 'wrap' : undefined, alignItems: own(ALIGN, props.alignBlock),
      justifyContent: own(JUSTIFY, props.spread) ?? own(JUSTIFY, props.alignInline), flexGrow: props.grow === 'fill' ? 1 : undefined,
      width: props.grow === 'fill' || props.spread === 'space-between' ? '100%' : undefined,
    }}>
      {children}
    </div>
  );
}

export function Bleed({ node, props }) {
  const by = (v) => (typeof v === 'string' && space(v) ? `-${space(v)}` : undefined);
  return (
    <div style={{ marginBlock: by(props.block) ?? by(props.all), marginInline: by(props.inline) ?? by(props.all) }}>
      <Children node={node} />
    </div>
  );
}

/** Root holds the whole tree; the roots of modules look alike. */
export function Root({ node }) {
  return <div class="k-stack k-page"><Children node={node} /></div>;
}

export function Fragment({ node }) {
  return <Children node={node} />;
}

/** Unknown shows what is inside a component that this kit does not have. */
export function Unknown({ node, props }) {
  const kit = useContext(KitContext);
  return (
    <div class="k-unknown" role="group" aria-label={kit.say('unknown', { name: node.type })} title={kit.say('unknown', { name: node.type })}>
      {shown(props.text) && node.children.length === 0 ? <Any value={props.text} /> : <Children node={node} />}
    </div>
  );
}

const SIZES = ['small', 'medium', 'large', 'UNSAFE_small'];

export function Text({ node, props }) {
  const kit = useContext(KitContext);
  const As = oneOf(props.as, ['span', 'em', 'strong', 'p'], 'p');
  const raw = kit.older && (props.content !== undefined ? text(props.content) : plainText(kit, node));
  return (
    <As class={`k-text k-size-${oneOf(props.size, SIZES, 'medium').replace('UNSAFE_', '')}`} id={kit.id(props.id)} title={undefined} style={{
      textAlign: oneOf(props.align, ['start', 'center', 'end'], undefined), color: color(text(props.color)) ?? undefined,
      fontWeight: own({ regular: 400, medium: 500, semibold: 600, bold: 700 }, props.weight),
      WebkitLineClamp: typeof props.maxLines === 'number' && props.maxLines > 0 ? String(Math.floor(props.maxLines)) : undefined,
    }} data-clamp={typeof props.maxLines === 'number' && props.maxLines > 0 ? '' : undefined}>
      {raw ? <Inlines nodes={inline(raw)} /> : <Children node={node} />}
    </As>
  );
}

/** plainText is a node's text if it holds nothing else. */
function plainText(kit, node) {
  return node.children.length && node.children.every((c) => kit.tree.get(c)?.type === 'String') ? kit.tree.text(node.key) : '';
}

export const Strong = ({ node }) => <strong><Children node={node} /></strong>;
export const Em = ({ node }) => <em><Children node={node} /></em>;
export const Strike = ({ node }) => <s><Children node={node} /></s>;

const LEVEL = { xxlarge: 'h1', xlarge: 'h1', large: 'h2', medium: 'h3', small: 'h4', xsmall: 'h5', xxsmall: 'h6' };
// In the older kit, and before names, sizes were levels.
const LEVELS = { h900: 'xxlarge', h800: 'xlarge', h700: 'large', h600: 'medium', h500: 'small', h400: 'xsmall', h300: 'xxsmall', h200: 'xxsmall', h100: 'xxsmall' };

export function Heading({ node, props }) {
  const kit = useKit();
  const size = own(LEVEL, props.size) ? props.size : own(LEVELS, props.level) ?? own(LEVELS, props.size) ?? 'medium';
  const As = oneOf(props.as, ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'span', 'div'], LEVEL[size]);
  return <As class={`k-heading k-heading-${size}`} id={kit.id(props.id)} style={{ color: color(text(props.color)) ?? undefined }}><Children node={node} /></As>;
}

export function List({ node, props }) {
  const As = props.type === 'ordered' ? 'ol' : 'ul';
  return <As class="k-list"><Children node={node} /></As>;
}

export const ListItem = ({ node }) => <li><Children node={node} /></li>;

export function Code({ node, props }) {
  // The older kit's Code is a block with a language.
  if (props.language !== undefined || props.showLineNumbers !== undefined) return <CodeBlock node={node} props={props} />;
  return <code class="k-code">{shown(props.text) ? <Any value={props.text} /> : <Children node={node} />}</code>;
}

export function CodeBlock({ node, props }) {
  const kit = useKit();
  const source = text(props.text) || kit.tree.text(node.key);
  const first = typeof props.firstLineNumber === 'number' ? props.firstLineNumber : 1;
  const marked = lines(props.highlight);
  const numbers = props.shouldShowLineNumbers !== false && props.showLineNumbers !== false;
  const rows = source.split('\n');
  return (
    <pre class={`k-codeblock${props.shouldWrapLongLines ? ' k-wrap' : ''}`} tabindex={0} role="group" aria-label={`Code${text(props.language) ? ` (${text(props.language)})` : ''}`}>
      <code>{rows.map((row, i) => (
        <span key={i} class={`k-line${marked.has(first + i) ? ' k-marked' : ''}`} data-line={numbers ? first + i : undefined}>{row}{i < rows.length - 1 ? '\n' : ''}</span>
      ))}</code>
    </pre>
  );
}

/** lines reads `1,3-5`. */
function lines(value) {
  const out = new Set();
  for (const part of text(value).split(',')) {
    const m = /^\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*$/.exec(part);
    if (m) for (let n = Number(m[1]); n <= Number(m[2] ?? m[1]) && out.size < 1000; n++) out.add(n);
  }
  return out;
}
