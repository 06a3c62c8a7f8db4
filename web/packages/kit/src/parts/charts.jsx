// Charts: shapes for eyes, and the same figures as a table for everybody else.
import { useState } from 'preact/hooks';
import { hidden, useKit, useOwnId } from '../base.jsx';
import { number, text } from '../safe.js';
import { arc, linear, series, ticks } from '../scale.js';
import { color } from '../tokens.js';

const HUES = ['blue', 'green', 'purple', 'orange', 'teal', 'magenta', 'yellow', 'red', 'lime', 'gray'];
const accessor = (v, fallback) => (typeof v === 'string' || typeof v === 'number' ? v : fallback);

/** paint chooses colours: the app's palette of tokens, then the kit's. */
function paint(props) {
  const chosen = (Array.isArray(props.colorPalette) ? props.colorPalette : []).map((p) => color(text(p?.value ?? p)));
  const byName = new Map((Array.isArray(props.colorPalette) ? props.colorPalette : []).filter((p) => p && typeof p === 'object').map((p) => [text(p.key), color(text(p.value))]));
  return (i, name) => byName.get(name) ?? chosen[i] ?? `var(--k-${HUES[i % HUES.length]}-chart)`;
}

function Frame({ props, kind, children, head, rows, legend }) {
  const kit = useKit();
  const [table, show] = useState(false);
  const id = useOwnId();
  const title = text(props.title);
  return (
    <figure class={`k-chart${props.showBorder === true ? ' k-bordered' : ''}`} aria-labelledby={id}>
      <figcaption id={id}>{title ? <strong>{title}</strong> : <span class="k-hidden">{kit.say(kind)}</span>}{text(props.subtitle) && <div class="k-subtle">{text(props.subtitle)}</div>}</figcaption>
      <div aria-hidden="true" hidden={table}>{children}</div>
      {legend?.length > 1 && !table && <ul class="k-legend" aria-hidden="true">{legend.map(([name, fill]) => <li key={name}><span style={{ background: fill }} />{name}</li>)}</ul>}
      <div class={table ? 'k-scroll' : 'k-hidden'}>
        <table class="k-table"><thead><tr>{head.map((h, i) => <th key={i} scope="col">{h}</th>)}</tr></thead>
          <tbody>{rows.map((r, i) => <tr key={i}>{r.map((c, j) => (j === 0 ? <th key={j} scope="row">{c}</th> : <td key={j}>{c}</td>))}</tr>)}</tbody></table>
      </div>
      <button type="button" class="k-aslink k-small" onClick={() => show(!table)}>{kit.say(table ? 'asChart' : 'asTable')}</button>
    </figure>
  );
}

function Axes({ props, kind, stacked, flat, line }) {
  const kit = useKit();
  const data = series(props.data, accessor(props.xAccessor, 0), accessor(props.yAccessor, 1), accessor(props.colorAccessor, undefined));
  const fill = paint(props);
  const format = new Intl.NumberFormat(kit.locale, { maximumFractionDigits: 2, notation: 'compact' });
  const width = number(props.width, 480, 120, 2000);
  const height = number(props.height, flat ? Math.max(160, data.places.length * (stacked ? 32 : 20 + data.names.length * 12) + 48) : 280, 100, 2000);
  const sums = data.places.map((p) => data.names.reduce((n, s) => n + Math.max(0, data.at(p, s) ?? 0), 0));
  const all = data.places.flatMap((p) => data.names.map((s) => data.at(p, s) ?? 0));
  const marks = ticks(Math.min(0, ...(stacked ? sums : all)), Math.max(0, ...(stacked ? sums : all)), flat ? 4 : 5);
  const left = flat ? Math.min(width * 0.35, 12 + 7 * Math.max(4, ...data.places.map((p) => p.length))) : 48;
  const room = props.showMarkLabels === true ? 20 : 0; // for the figures at the ends of bars
  const box = { x0: left, x1: width - (flat ? 12 + 2 * room : 12), y0: 12 + (flat ? 0 : room), y1: height - 32 };
  const value = linear([marks[0], marks.at(-1)], flat ? [box.x0, box.x1] : [box.y1, box.y0]);
  const band = ((flat ? box.y1 - box.y0 : box.x1 - box.x0) / Math.max(1, data.places.length));
  const start = (i) => (flat ? box.y0 : box.x0) + i * band;
  const every = flat ? 1 : Math.max(1, Math.ceil((data.places.length * 56) / (box.x1 - box.x0)));
  const zero = value(0);
  const shapes = [];
  if (line) {
    data.names.forEach((s, j) => {
      const points = data.places.map((p, i) => [start(i) + band / 2, data.at(p, s)]).filter(([, v]) => v !== undefined).map(([x, v]) => [x, value(v)]);
      shapes.push(<polyline key={s} points={points.map((p) => p.map(Math.round).join(',')).join(' ')} fill="none" style={{ stroke: fill(j, s) }} stroke-width="2" />);
      for (const [i, [x, y]] of points.entries()) shapes.push(<circle key={`${s}/${i}`} cx={x} cy={y} r="3" style={{ fill: fill(j, s) }} />);
    });
  } else {
    data.places.forEach((p, i) => {
      let base = 0;
      data.names.forEach((s, j) => {
        const v = data.at(p, s);
        if (v === undefined) return;
        const thick = (band * 0.72) / (stacked ? 1 : data.names.length);
        const across = start(i) + band * 0.14 + (stacked ? 0 : j * thick);
        const [a, b] = [value(stacked ? base : 0), value((stacked ? base : 0) + v)];
        base += v;
        const [from, long] = [Math.min(a, b), Math.abs(b - a)];
        const at = flat ? { x: from, y: across, width: long, height: Math.max(1, thick - 1) } : { x: across, y: from, width: Math.max(1, thick - 1), height: long };
        shapes.push(<rect key={`${i}/${s}`} {...at} rx="2" style={{ fill: fill(j, s) }}><title>{`${p}${s && `, ${s}`}: ${format.format(v)}`}</title></rect>);
        if (props.showMarkLabels === true) shapes.push(<text key={`${i}/${s}/label`} class="k-tick-text" x={flat ? from + long + 4 : across + thick / 2} y={flat ? across + thick / 2 + 4 : from - 4} text-anchor={flat ? 'start' : 'middle'}>{format.format(v)}</text>);
      });
    });
  }
  return (
    <Frame props={props} kind={kind} head={[hidden(kit.say('label')), ...data.names.map((n) => n || kit.say('value'))]} rows={data.places.map((p) => [p, ...data.names.map((s) => (data.at(p, s) === undefined ? '' : format.format(data.at(p, s))))])}
      legend={data.names.map((n, i) => [n, fill(i, n)])}>
      <svg viewBox={`0 0 ${width} ${height}`} style={{ maxWidth: `${width}px` }} class="k-svg" focusable="false">
        {marks.map((m) => (flat
          ? <g key={m}><line class="k-gridline" x1={value(m)} x2={value(m)} y1={box.y0} y2={box.y1} /><text class="k-tick-text" x={value(m)} y={height - 12} text-anchor="middle">{format.format(m)}</text></g>
          : <g key={m}><line class="k-gridline" x1={box.x0} x2={box.x1} y1={value(m)} y2={value(m)} /><text class="k-tick-text" x={box.x0 - 8} y={value(m) + 4} text-anchor="end">{format.format(m)}</text></g>))}
        {data.places.map((p, i) => i % every === 0 && (flat
          ? <text key={p} class="k-tick-text" x={box.x0 - 8} y={start(i) + band / 2 + 4} text-anchor="end">{clip(p, 24)}</text>
          : <text key={p} class="k-tick-text" x={start(i) + band / 2} y={height - 12} text-anchor="middle">{clip(p, Math.max(3, Math.floor((band * every) / 7)))}</text>))}
        {shapes}
        {flat ? <line class="k-axis" x1={zero} x2={zero} y1={box.y0} y2={box.y1} /> : <line class="k-axis" x1={box.x0} x2={box.x1} y1={zero} y2={zero} />}
      </svg>
    </Frame>
  );
}

const clip = (s, n) => (s.length > n ? `${s.slice(0, n - 1)}…` : s);

export const BarChart = ({ props }) => <Axes props={props} kind="barChart" />;
export const StackBarChart = ({ props }) => <Axes props={props} kind="stackedChart" stacked />;
export const HorizontalBarChart = ({ props }) => <Axes props={props} kind="barChart" flat />;
export const HorizontalStackBarChart = ({ props }) => <Axes props={props} kind="stackedChart" flat stacked />;
export const LineChart = ({ props }) => <Axes props={props} kind="lineChart" line />;

export function PieChart({ node, props }) {
  const kit = useKit();
  const donut = node.type === 'DonutChart';
  const label = accessor(props.labelAccessor, accessor(props.colorAccessor, 0));
  const data = series(props.data, label, accessor(props.angleAccessor, accessor(props.valueAccessor, accessor(props.yAccessor, 1))), undefined);
  const fill = paint(props);
  const format = new Intl.NumberFormat(kit.locale, { maximumFractionDigits: 2 });
  const values = data.places.map((p) => Math.max(0, data.at(p, '') ?? 0));
  const total = values.reduce((a, b) => a + b, 0);
  const width = number(props.width, 280, 100, 1000);
  const side = Math.min(width, number(props.height, 280, 100, 1000));
  const r = side / 2 - 8;
  let turn = 0;
  return (
    <Frame props={props} kind={donut ? 'donutChart' : 'pieChart'} head={[hidden(kit.say('label')), kit.say('value'), kit.say('share')]}
      rows={data.places.map((p, i) => [p, format.format(values[i]), new Intl.NumberFormat(kit.locale, { style: 'percent', maximumFractionDigits: 1 }).format(total ? values[i] / total : 0)])}
      legend={data.places.map((p, i) => [p, fill(i, p)])}>
      <svg viewBox={`0 0 ${side} ${side}`} style={{ maxWidth: `${side}px` }} class="k-svg" focusable="false">
        {total > 0 && values.map((v, i) => {
          const from = turn;
          turn += v / total;
          const mid = ((from + turn) / 2) * 2 * Math.PI - Math.PI / 2;
          const at = r * (donut ? 0.8 : 0.65);
          return v > 0 && (
            <g key={data.places[i]}>
              <path d={arc(side / 2, side / 2, donut ? r * 0.6 : 0, r, from, turn)} class="k-slice" style={{ fill: fill(i, data.places[i]) }}><title>{`${data.places[i]}: ${format.format(v)}`}</title></path>
              {props.showMarkLabels === true && <text class="k-slice-text" x={side / 2 + at * Math.cos(mid)} y={side / 2 + at * Math.sin(mid) + 4} text-anchor="middle">{format.format(v)}</text>}
            </g>
          );
        })}
        {donut && <text class="k-total" x={side / 2} y={side / 2 + 6} text-anchor="middle">{format.format(total)}</text>}
      </svg>
    </Frame>
  );
}

