// Icons by the names that apps use. Shapes are built element by element from data that
// comes with the kit: nothing is fetched, nothing is parsed.
import { shapes, names } from '../icons.data.js';
import { useKit } from '../base.jsx';
import { oneOf, picture, text } from '../safe.js';
import { color } from '../tokens.js';

/** glyphOf finds an icon for a name, dropping what older names put in front. */
export function glyphOf(name) {
  let n = text(name).toLowerCase().replace(/_/g, '-');
  for (let i = 0; i < 4; i++) {
    if (Object.hasOwn(names, n)) return names[n];
    if (Object.hasOwn(shapes, n)) return n;
    const cut = n.replace(/^(?:editor|media-services|bitbucket|jira|hipchat|emoji|app-switcher|vid|audio|16|24|32|core|utility)[-/]/, '')
      .replace(/-(?:filled|filled-large|large|circle|icon|outline|small|bold|list|object)$/, '');
    if (cut === n) break;
    n = cut;
  }
  return null;
}

const SIZES = { small: 16, medium: 20, large: 24, xlarge: 32, xsmall: 12, '16': 16, '24': 24 };

export function Icon({ name, label, size = 16 }) {
  const shape = shapes[glyphOf(name) ?? 'unknown'];
  return (
    <svg class="k-icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width={size < 20 ? 2.2 : 1.8} stroke-linecap="round" stroke-linejoin="round"
      role={label ? 'img' : undefined} aria-label={label || undefined} aria-hidden={label ? undefined : 'true'}>
      {shape.map((d, i) => <path key={i} d={d} />)}
    </svg>
  );
}

export function IconNode({ props }) {
  const kit = useKit();
  const size = SIZES[oneOf(String(props.size), Object.keys(SIZES), 'medium')];
  const src = props.src === undefined ? null : picture(props.src, kit.options.assetURL);
  return (
    <span class="k-iconbox" style={{ color: color(text(props.primaryColor) || text(props.color)) ?? undefined }}>
      {src ? <img src={src} width={size} height={size} alt={text(props.label)} referrerPolicy="no-referrer" /> : <Icon name={props.glyph} label={text(props.label)} size={size} />}
    </span>
  );
}

// Kinds of work and of content, each with a colour of its own.
const KINDS = {
  bug: ['bug', 'red'], story: ['bookmark', 'green'], task: ['check', 'blue'], epic: ['epic', 'purple'], subtask: ['subtasks', 'blue'], 'sub-task': ['subtasks', 'blue'],
  improvement: ['arrow-up', 'green'], 'new-feature': ['add', 'green'], question: ['question', 'purple'], incident: ['warning', 'red'], problem: ['warning', 'orange'],
  change: ['refresh', 'orange'], changes: ['refresh', 'orange'], blog: ['quote', 'blue'], page: ['page', 'blue'], 'live-document': ['page', 'purple'], whiteboard: ['edit', 'teal'], database: ['database', 'purple'],
  branch: ['branch', 'blue'], commit: ['commit', 'yellow'], 'pull-request': ['pull-request', 'green'], code: ['code', 'gray'], calendar: ['calendar', 'red'],
  image: ['image', 'yellow'], video: ['video', 'blue'], audio: ['audio', 'red'], archive: ['archive', 'gray'], folder: ['folder', 'blue'], 'excel-spreadsheet': ['table', 'green'],
  'google-doc': ['page', 'blue'], 'google-sheet': ['table', 'green'], 'google-slide': ['page', 'yellow'], 'pdf-document': ['page', 'red'], 'powerpoint-presentation': ['page', 'orange'],
  'word-document': ['page', 'blue'], 'generic-document': ['page', 'gray'], document: ['page', 'gray'], executable: ['settings', 'gray'], generic: ['file', 'gray'],
};

export function KindIcon({ node, props }) {
  const glyph = text(props.glyph);
  const [name, hue] = Object.hasOwn(KINDS, glyph) ? KINDS[glyph] : [glyph, 'gray'];
  const tile = node.type === 'AtlassianTile';
  const px = tile ? { xxsmall: 16, xsmall: 20, small: 24, medium: 32, large: 40, xlarge: 48 }[oneOf(props.size, ['xxsmall', 'xsmall', 'small', 'medium', 'large', 'xlarge'], 'medium')] : SIZES[oneOf(props.size, ['small', 'medium'], 'medium')];
  return (
    <span class={`k-kind k-${hue}${props.isBold === true ? ' k-bold' : ''}${tile ? ' k-kind-tile' : ''}`} style={{ width: `${px}px`, height: `${px}px` }}>
      <Icon name={name} label={text(props.label) || glyph} size={Math.max(12, Math.round(px * 0.7))} />
    </span>
  );
}
