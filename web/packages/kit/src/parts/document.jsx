// AdfRenderer: a document becomes elements, node by node. Marks, colours and addresses
// are an allow-list; what is not known shows what is inside it.
import { useKit } from '../base.jsx';
import { link, number, oneOf, picture, text } from '../safe.js';
import { Icon } from './icons.jsx';
import { Anchor } from './action.jsx';

const MAX_DEPTH = 60;

export function AdfRenderer({ props }) {
  return <div class="k-document"><Blocks nodes={props.document?.content} depth={0} /></div>;
}

export function Blocks({ nodes, depth }) {
  if (!Array.isArray(nodes) || depth > MAX_DEPTH) return null;
  return nodes.slice(0, 5000).map((n, i) => <Block key={i} node={n} depth={depth + 1} />);
}

export function Inlines({ nodes }) {
  return Array.isArray(nodes) ? nodes.slice(0, 5000).map((n, i) => <Block key={i} node={n} depth={0} />) : null;
}

const PANELS = { info: 'information', note: 'discovery', tip: 'success', success: 'success', warning: 'warning', error: 'danger' };
const HEX = /^#[0-9a-f]{3,8}$/i;

function Block({ node, depth }) {
  const kit = useKit();
  if (!node || typeof node !== 'object') return null;
  const attrs = node.attrs && typeof node.attrs === 'object' ? node.attrs : {};
  const inner = <Blocks nodes={node.content} depth={depth} />;
  switch (node.type) {
    case 'text': return <Marked marks={node.marks} text={text(node.text)} />;
    case 'hardBreak': return <br />;
    case 'paragraph': return <p style={{ textAlign: alignment(node) }}>{inner}</p>;
    case 'heading': {
      const As = `h${number(attrs.level, 3, 1, 6)}`;
      return <As class="k-heading">{inner}</As>;
    }
    case 'bulletList': return <ul class="k-list">{inner}</ul>;
    case 'orderedList': return <ol class="k-list" start={number(attrs.order, 1, 0, 1e6)}>{inner}</ol>;
    case 'listItem': return <li>{inner}</li>;
    case 'taskList': case 'decisionList': return <ul class="k-tasks">{inner}</ul>;
    case 'taskItem': return (
      <li><span class="k-task" role="img" aria-label={kit.say(attrs.state === 'DONE' ? 'done' : 'open')}>{attrs.state === 'DONE' ? '☑' : '☐'}</span><span>{inner}</span></li>
    );
    case 'decisionItem': return <li><Icon name="decision" label={kit.say('decision')} /><span>{inner}</span></li>;
    case 'codeBlock': return <pre class="k-codeblock" tabindex={0} role="group" aria-label={kit.say('code')}><code>{inner}</code></pre>;
    case 'blockquote': return <blockquote>{inner}</blockquote>;
    case 'panel': return <div class={`k-message k-${PANELS[oneOf(attrs.panelType, Object.keys(PANELS), 'info')]}`}><div>{inner}</div></div>;
    case 'rule': return <hr />;
    case 'table': return <div class="k-scroll" tabindex={0} role="group" aria-label={kit.say('table')}><table class="k-table"><tbody>{inner}</tbody></table></div>;
    case 'tableRow': return <tr>{inner}</tr>;
    case 'tableHeader': return <th colSpan={number(attrs.colspan, 1, 1, 100)} rowSpan={number(attrs.rowspan, 1, 1, 1000)}>{inner}</th>;
    case 'tableCell': return <td colSpan={number(attrs.colspan, 1, 1, 100)} rowSpan={number(attrs.rowspan, 1, 1, 1000)}>{inner}</td>;
    case 'mention': return <span class="k-mention">{text(attrs.text) || '@…'}</span>;
    case 'emoji': return <span role="img" aria-label={text(attrs.shortName) || kit.say('emoji')}>{text(attrs.text) || text(attrs.shortName)}</span>;
    case 'date': return <time class="k-lozenge k-gray">{date(attrs.timestamp, kit)}</time>;
    case 'status': return <span class={`k-lozenge k-${oneOf(attrs.color, ['blue', 'green', 'yellow', 'red', 'purple', 'teal'], 'gray')}`}>{text(attrs.text)}</span>;
    case 'inlineCard': case 'blockCard': case 'embedCard': return <Anchor href={attrs.url}>{text(attrs.url)}</Anchor>;
    case 'expand': case 'nestedExpand': return <details class="k-expand"><summary>{text(attrs.title) || kit.say('more')}</summary>{inner}</details>;
    case 'layoutSection': return <div class="k-columns">{inner}</div>;
    case 'layoutColumn': case 'mediaSingle': case 'mediaGroup': return <div>{inner}</div>;
    case 'media': case 'mediaInline': {
      const src = attrs.type === 'external' ? picture(attrs.url, kit.options.assetURL) : null;
      return src ? <img class="k-image" src={src} alt={text(attrs.alt)} referrerPolicy="no-referrer" />
        : <span class="k-file"><Icon name="attachment" />{text(attrs.alt) || kit.say('attachment')}</span>;
    }
    case 'placeholder': return <span class="k-subtle">{text(attrs.text)}</span>;
    case 'caption': return <p class="k-subtle">{inner}</p>;
    default: return node.content ? <div class="k-unknown" role="group" aria-label={kit.say('notShown', { name: text(node.type) })}>{inner}</div> : text(node.text) || text(attrs.text) || null;
  }
}

function alignment(node) {
  const mark = Array.isArray(node.marks) ? node.marks.find((m) => m?.type === 'alignment') : null;
  return oneOf(mark?.attrs?.align, ['center', 'end'], undefined);
}

function Marked({ marks, text: content }) {
  let out = content;
  for (const mark of Array.isArray(marks) ? marks.slice(0, 10) : []) {
    const attrs = mark?.attrs ?? {};
    switch (mark?.type) {
      case 'strong': out = <strong>{out}</strong>; break;
      case 'em': out = <em>{out}</em>; break;
      case 'strike': out = <s>{out}</s>; break;
      case 'underline': out = <u>{out}</u>; break;
      case 'code': out = <code class="k-code">{out}</code>; break;
      case 'subsup': out = attrs.type === 'sub' ? <sub>{out}</sub> : <sup>{out}</sup>; break;
      case 'link': out = link(attrs.href) ? <Anchor href={attrs.href}>{out}</Anchor> : out; break;
      case 'textColor': out = <span class="k-inked" style={HEX.test(attrs.color) ? { '--k-chosen': attrs.color } : undefined}>{out}</span>; break;
      case 'backgroundColor': out = <mark class="k-mark">{out}</mark>; break;
    }
  }
  return out;
}

function date(timestamp, kit) {
  const n = Number(timestamp);
  if (!Number.isFinite(n) || Math.abs(n) > 8.64e15) return '';
  return new Intl.DateTimeFormat(kit.locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(n);
}
