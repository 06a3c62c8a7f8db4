// Calendar: a month as a grid of days.
import { useEffect, useRef, useState } from 'preact/hooks';
import { fn, useEcho, useKit, useOwnId } from '../base.jsx';
import { isDay, localeOf, monthOf, shift, weekStart } from '../days.js';
import { number, text } from '../safe.js';
import { Icon } from './icons.jsx';

export function Calendar({ props }) {
  const kit = useKit();
  const id = useOwnId();
  const locale = (text(props.locale) && localeOf(text(props.locale))) || kit.locale;
  const first = number(props.weekStartDay, weekStart(locale), 0, 6);
  const today = new Intl.DateTimeFormat('en-CA', { timeZone: kit.options.timezone || undefined }).format(Date.now());
  const chosen = useEcho(Array.isArray(props.selected) ? props.selected.map(text) : undefined, (Array.isArray(props.defaultSelected) ? props.defaultSelected : []).map(text), fn(props.onSelect));
  const start = isDay(chosen.value[0]) ? chosen.value[0] : today;
  const pad = (n, w) => String(n).padStart(w, '0');
  const asked = [props.year ?? props.defaultYear, props.month ?? props.defaultMonth, props.day ?? props.defaultDay];
  const [at, set] = useState(() => (asked[1] ? `${pad(number(asked[0], Number(start.slice(0, 4)), 1, 9999), 4)}-${pad(number(asked[1], 1, 1, 12), 2)}-${pad(number(asked[2], 1, 1, 28), 2)}` : start));
  const grid = useRef(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) grid.current.querySelector(`[data-day="${at}"]`)?.focus();
    moved.current = false;
  }, [at]);
  const weeks = monthOf(at, first);
  const format = (day, options) => new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' }).format(new Date(`${day}T00:00Z`));
  const event = (day, type) => ({ year: Number(day.slice(0, 4)), month: Number(day.slice(5, 7)), day: Number(day.slice(8)), iso: day, type });
  const go = (day, type, focus) => {
    moved.current = focus;
    set(day);
    if (fn(props.onChange)) kit.emit(props.onChange, [event(day, type)]);
  };
  const disabled = new Set((Array.isArray(props.disabled) ? props.disabled : []).map(text));
  const off = (day) => disabled.has(day) || (text(props.minDate) && day < text(props.minDate)) || (text(props.maxDate) && day > text(props.maxDate));
  const before = new Set((Array.isArray(props.previouslySelected) ? props.previouslySelected : []).map(text));
  const pick = (day) => {
    if (off(day)) return;
    set(day);
    chosen.edit([day], [event(day, 'select')]);
  };
  const key = (e) => {
    const step = { ArrowLeft: [-1, 'left'], ArrowRight: [1, 'right'], ArrowUp: [-7, 'up'], ArrowDown: [7, 'down'] }[e.key];
    const month = { PageUp: -1, PageDown: 1 }[e.key];
    if (step) go(shift(at, step[0]), step[1], true);
    else if (month) go(shift(at, 0, month), month < 0 ? 'prev' : 'next', true);
    else return;
    e.preventDefault();
  };
  return (
    <div class="k-calendar" role="group" aria-label={text(props.label) || kit.say('calendar')}>
      <div class="k-inline k-calendar-head">
        <button type="button" class="k-quiet" aria-label={text(props.previousMonthLabel) || kit.say('previousMonth')} onClick={() => go(shift(at, 0, -1), 'prev')}><Icon name="chevron-left" /></button>
        <strong id={id} aria-live="polite">{format(at, { month: 'long', year: 'numeric' })}</strong>
        <button type="button" class="k-quiet" aria-label={text(props.nextMonthLabel) || kit.say('nextMonth')} onClick={() => go(shift(at, 0, 1), 'next')}><Icon name="chevron-right" /></button>
      </div>
      <table role="grid" aria-labelledby={id} ref={grid} onKeyDown={key}>
        <thead><tr>{weeks[0].map((day) => <th key={day} scope="col" abbr={format(day, { weekday: 'long' })}>{format(day, { weekday: 'short' })}</th>)}</tr></thead>
        <tbody>{weeks.map((week) => (
          <tr key={week[0]}>{week.map((day) => {
            const other = day.slice(0, 7) !== at.slice(0, 7);
            const on = chosen.value.includes(day);
            return (
              <td key={day} role="gridcell" aria-selected={on}>
                <button type="button" data-day={day} tabindex={day === at ? 0 : -1} disabled={off(day) || undefined} aria-current={day === today ? 'date' : undefined} aria-pressed={on} aria-label={format(day, { dateStyle: 'full' })}
                  class={`k-day${other ? ' k-other' : ''}${before.has(day) ? ' k-before' : ''}`} onClick={() => pick(day)}>{Number(day.slice(8))}</button>
              </td>
            );
          })}</tr>
        ))}</tbody>
      </table>
    </div>
  );
}
