// Tabs, by the pattern that keyboards and screen readers know.
import { createContext } from 'preact';
import { useContext, useRef } from 'preact/hooks';
import { Children, fn, useEcho, useKit, useOwnId } from '../base.jsx';
import { number, text } from '../safe.js';
import { TipRole } from './overlay.jsx';

const TabsContext = createContext(null);

export function Tabs({ node, props }) {
  const kit = useKit();
  const id = useOwnId();
  const state = useEcho(props.selected === undefined ? undefined : number(props.selected, 0, 0), number(props.defaultSelected, 0, 0), fn(props.onChange));
  // The older kit's Tabs have Tab children with a label, and what they show inside.
  const older = node.children.filter((c) => kit.tree.get(c)?.type === 'Tab');
  const lists = kit.tree.find(node.key, ['TabList']);
  const tabs = older.length ? older : lists.flatMap((l) => kit.tree.find(l.key, ['Tab']).map((t) => t.key));
  const panels = kit.tree.find(node.key, ['TabPanel']).map((p) => p.key);
  const at = Math.min(state.value, Math.max(0, tabs.length - 1));
  const select = (i) => i !== at && state.edit(i, [i, { type: 'change' }]);
  const value = { id, tabs, panels: older.length ? older : panels, at, select, older: older.length > 0, count: Math.max(panels.length, older.length) };
  return (
    <div class="k-tabs" id={kit.id(props.id)}>
      <TabsContext.Provider value={value}>
        {older.length > 0 && <div class="k-tablist" role="tablist" aria-label={text(props.label) || kit.say('tabs')}>{older.map((k) => <TabButton key={k} k={k} label={kit.tree.get(k).props.label} />)}</div>}
        {older.length > 0 ? <div class="k-tabpanel" role="tabpanel" id={`${id}-panel-${at}`} aria-labelledby={`${id}-tab-${at}`}><Children node={kit.tree.get(older[at])} /></div> : <Children node={node} />}
      </TabsContext.Provider>
    </div>
  );
}

export function TabList({ node }) {
  const kit = useKit();
  return <div class="k-tablist" role="tablist" aria-label={kit.say('tabs')}><TipRole.Provider value="presentation"><Children node={node} /></TipRole.Provider></div>;
}

export function Tab({ node, props }) {
  return <TabButton k={node.key} label={props.label}><Children node={node} /></TabButton>;
}

function TabButton({ k, label, children }) {
  const tabs = useContext(TabsContext);
  const ref = useRef(null);
  if (!tabs) return <>{children}</>;
  const i = tabs.tabs.indexOf(k);
  const on = i === tabs.at;
  const move = (e) => {
    const last = tabs.tabs.length - 1;
    const rtl = getComputedStyle(e.currentTarget).direction === 'rtl';
    const to = { [rtl ? 'ArrowLeft' : 'ArrowRight']: i === last ? 0 : i + 1, [rtl ? 'ArrowRight' : 'ArrowLeft']: i === 0 ? last : i - 1, Home: 0, End: last }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    tabs.select(to);
    ref.current.closest('[role=tablist]').querySelectorAll('[role=tab]')[to]?.focus();
  };
  return (
    <button ref={ref} type="button" role="tab" class="k-tab" id={`${tabs.id}-tab-${i}`} aria-selected={on} aria-controls={on && i < tabs.count ? `${tabs.id}-panel-${i}` : undefined} tabindex={on ? 0 : -1}
      onClick={() => tabs.select(i)} onKeyDown={move}>{text(label) || children}</button>
  );
}

export function TabPanel({ node }) {
  const tabs = useContext(TabsContext);
  if (!tabs) return <Children node={node} />;
  const i = tabs.panels.indexOf(node.key);
  if (i !== tabs.at) return null;
  return <div class="k-tabpanel" role="tabpanel" tabindex={0} id={`${tabs.id}-panel-${i}`} aria-labelledby={`${tabs.id}-tab-${i}`}><Children node={node} /></div>;
}
