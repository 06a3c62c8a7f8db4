// Tables, and what turns their pages.
import { useEffect, useState } from 'preact/hooks';
import { Any, Children, Node, fn, shown, useEcho, useKit, usePending } from '../base.jsx';
import { number, text } from '../safe.js';
import { plain } from '../kit.js';
import { Icon } from './icons.jsx';
import { Slot } from '../tree.js';

const list = (v) => (Array.isArray(v) ? v.filter((i) => i && typeof i === 'object') : []);

/** compare orders cells by their keys: numbers by size, texts as people of the locale do. */
export function comparer(locale) {
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: 'base' });
  return (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(text(a), text(b)));
}

export function DynamicTable({ props }) {
  const kit = useKit();
  const [, run] = usePending();
  const head = list(props.head?.cells);
  let rows = list(props.rows);
  const sorted = useEcho(props.sortKey === undefined ? undefined : { key: text(props.sortKey), order: props.sortOrder === 'DESC' ? 'DESC' : 'ASC' },
    { key: text(props.defaultSortKey), order: props.defaultSortOrder === 'DESC' ? 'DESC' : 'ASC' }, fn(props.onSort));
  const paged = useEcho(props.page === undefined ? undefined : number(props.page, 1), number(props.defaultPage, 1, 1), fn(props.onSetPage));
  const column = head.findIndex((h) => text(h.key) !== '' && text(h.key) === sorted.value.key);
  if (column >= 0 && !props.isRankable) {
    const compare = comparer(kit.locale);
    const sign = sorted.value.order === 'DESC' ? -1 : 1;
    const at = (row) => list(row.cells)[column];
    rows = rows.map((row, i) => [row, i]).sort(([a, i], [b, j]) => sign * compare(keyOf(kit, at(a)), keyOf(kit, at(b))) || i - j).map(([row]) => row);
  }
  const per = number(props.rowsPerPage, 0, 0);
  const pages = per ? Math.max(1, Math.ceil(number(props.totalRows, rows.length) / per)) : 1;
  const page = Math.min(paged.value, pages);
  const shownRows = per ? rows.slice((page - 1) * per, page * per) : rows.slice(0, 2000);
  const caption = shown(props.caption) && <caption><Any value={props.caption} /></caption>;
  const loading = props.isLoading === true;
  return (
    <div class="k-tablebox">
      <div class="k-scroll" tabindex={0} role="region" aria-label={text(props.label) || text(props.caption) || kit.say('table')} aria-busy={loading || undefined}>
        <table class={`k-table${props.isFixedSize === true ? ' k-fixed' : ''}`}>
          {caption}
          {head.length > 0 && (
            <thead><tr>{head.map((cell, i) => {
              const on = i === column;
              const sortable = cell.isSortable === true;
              return (
                <th key={text(cell.key) || i} scope="col" colSpan={number(cell.colSpan, 1, 1, 100)} style={{ width: typeof cell.width === 'number' ? `${Math.min(100, Math.max(0, cell.width))}%` : undefined }}
                  aria-sort={on ? (sorted.value.order === 'DESC' ? 'descending' : 'ascending') : undefined}>
                  {sortable ? (
                    <button type="button" class="k-sort" onClick={() => {
                      const next = { key: text(cell.key), order: on && sorted.value.order === 'ASC' ? 'DESC' : 'ASC' };
                      sorted.edit(next, [{ key: cell.key ?? null, sortOrder: next.order, item: { key: cell.key ?? null } }]);
                    }}>
                      <Any value={cell.content} /><Icon name={on ? (sorted.value.order === 'DESC' ? 'arrow-down' : 'arrow-up') : 'sort'} size={12} />
                    </button>
                  ) : shown(cell.content) ? <Any value={cell.content} /> : <span class="k-hidden">{text(cell.key) || kit.say('column')}</span>}
                </th>
              );
            })}</tr></thead>
          )}
          <tbody>
            {shownRows.map((row, i) => (
              <tr key={text(row.key) || i} class={row.isHighlighted === true || i === props.highlightedRowIndex || (Array.isArray(props.highlightedRowIndex) && props.highlightedRowIndex.includes(i)) ? 'k-marked' : undefined}
                onClick={fn(row.onClick) && ((e) => { if (!e.target.closest('a, button, input, label')) run(row.onClick, [{ type: 'click' }]); })}>
                {list(row.cells).map((cell, j) => <td key={text(cell.key) ? `${j}:${text(cell.key)}` : j} colSpan={number(cell.colSpan, 1, 1, 100)} class={head[j]?.shouldTruncate === true ? 'k-truncate' : undefined}><Any value={cell.content} /></td>)}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && !loading && <div class="k-table-none">{shown(props.emptyView) ? <Any value={props.emptyView} /> : kit.say('noRows')}</div>}
        {loading && <div class="k-table-none"><span class="k-spinner" role="img" aria-label={kit.say('loading')} /></div>}
      </div>
      {pages > 1 && <Pages count={pages} page={page} label={text(props.label) || kit.say('pagesOfTable')} onPage={(n) => paged.edit(n, [n])} />}
    </div>
  );
}

/** keyOf is what a cell is sorted by: its key, or what it shows. */
function keyOf(kit, cell) {
  if (!cell) return '';
  if (typeof cell.key === 'number' || (typeof cell.key === 'string' && cell.key !== '')) return cell.key;
  return cell.content instanceof Slot ? kit.tree.text(cell.content.key) : text(cell.content);
}

/** Pages are the first, the last and those around the page that is shown. */
export function around(count, page, max = 7) {
  if (count <= max) return Array.from({ length: count }, (_, i) => i + 1);
  const side = Math.max(1, Math.floor((max - 4) / 2));
  let from = Math.max(2, page - side);
  let to = Math.min(count - 1, page + side);
  if (page - side <= 3) { from = 2; to = max - 2; }
  if (page + side >= count - 2) { from = count - max + 3; to = count - 1; }
  const middle = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  return [1, ...(from > 2 ? [0] : []), ...middle, ...(to < count - 1 ? [-1] : []), count];
}

function Pages({ count, page, label, onPage, max, name = (n) => n }) {
  const kit = useKit();
  return (
    <nav class="k-pages" aria-label={label}>
      <button type="button" class="k-quiet" aria-label={kit.say('previousPage')} disabled={page <= 1} onClick={() => onPage(page - 1)}><Icon name="chevron-left" /></button>
      <ol>{around(count, page, max).map((n) => (n > 0
        ? <li key={n}><button type="button" class="k-pagebutton" aria-label={kit.say('page', { name: name(n) })} aria-current={n === page ? 'page' : undefined} onClick={() => n !== page && onPage(n)}>{name(n)}</button></li>
        : <li key={n} aria-hidden="true" class="k-subtle">…</li>))}</ol>
      <button type="button" class="k-quiet" aria-label={kit.say('nextPage')} disabled={page >= count} onClick={() => onPage(page + 1)}><Icon name="chevron-right" /></button>
    </nav>
  );
}

export function Pagination({ props }) {
  const kit = useKit();
  const pages = Array.isArray(props.pages) ? props.pages.slice(0, 10_000) : [];
  const state = useEcho(props.selectedIndex === undefined ? undefined : number(props.selectedIndex, 0, 0), number(props.defaultSelectedIndex, 0, 0), fn(props.onChange));
  return <Pages count={pages.length} page={state.value + 1} label={text(props.label) || kit.say('pages')} max={number(props.max, 7, 5, 50)} name={(n) => text(pages[n - 1]) || n}
    onPage={(n) => state.edit(n - 1, [{ type: 'click' }, plain(pages[n - 1])])} />;
}

/** Table of the older kit: rows and cells are children. */
export function Table({ node, props }) {
  const kit = useKit();
  const heads = node.children.filter((c) => kit.tree.get(c)?.type === 'Head');
  const rows = node.children.filter((c) => !heads.includes(c));
  const per = number(props.rowsPerPage, 0, 0);
  const [page, set] = useState(1);
  const pages = per ? Math.max(1, Math.ceil(rows.length / per)) : 1;
  useEffect(() => { if (page > pages) set(pages); }, [pages]);
  return (
    <div class="k-tablebox">
      <div class="k-scroll" tabindex={0} role="region" aria-label={kit.say('table')}>
        <table class="k-table">
          {heads.length > 0 && <thead>{heads.map((k) => <Node key={k} k={k} />)}</thead>}
          <tbody>{(per ? rows.slice((page - 1) * per, page * per) : rows).map((k) => <Node key={k} k={k} />)}</tbody>
        </table>
      </div>
      {pages > 1 && <Pages count={pages} page={page} label={kit.say('pagesOfTable')} onPage={set} />}
    </div>
  );
}

export const TableRow = ({ node }) => <tr><Children node={node} /></tr>;

export function TableHead({ node }) {
  return <tr>{node.children.map((k) => <Node key={k} k={k} />)}</tr>;
}

export function Cell({ node }) {
  const kit = useKit();
  const heading = kit.tree.get(node.parent)?.type === 'Head';
  if (!heading) return <td><Children node={node} /></td>;
  return node.children.length ? <th scope="col"><Children node={node} /></th> : <td />;
}

