// People: their names and pictures come from the platform, never from an address in a prop.
import { useEffect, useState } from 'preact/hooks';
import { Children, fn, useKit } from '../base.jsx';
import { oneOf, picture, text } from '../safe.js';
import { Chooser } from './select.jsx';
import { Textfield } from './fields.jsx';

const known = new WeakMap(); // a mount's users, by account

function usePerson(account) {
  const kit = useKit();
  const [person, set] = useState(() => known.get(kit)?.get(account));
  useEffect(() => {
    if (person || account === '' || !kit.options.users) return;
    let live = true;
    kit.options.users.get([account]).then(([found]) => {
      if (!found) return;
      (known.get(kit) ?? known.set(kit, new Map()).get(kit)).set(account, found);
      if (live) set(found);
    }, () => {});
    return () => { live = false; };
  }, [account]);
  return person?.accountId === account ? person : undefined;
}

const PX = { xxsmall: 16, xsmall: 20, small: 24, medium: 32, large: 40, xlarge: 96, xxlarge: 128 };

export function Face({ name, src, size = 'small', square }) {
  const px = PX[oneOf(size, Object.keys(PX), 'small')];
  const url = picture(src);
  const box = { width: `${px}px`, height: `${px}px`, fontSize: `${Math.round(px * 0.42)}px` };
  if (url) return <img class={`k-face${square ? ' k-square' : ''}`} src={url} alt="" style={box} referrerPolicy="no-referrer" />;
  const letters = [...name.trim().split(/\s+/)].slice(0, 2).map((w) => [...w][0] ?? '').join('').toLocaleUpperCase();
  return <span class={`k-face k-letters${square ? ' k-square' : ''}`} style={box} aria-hidden="true">{letters || '?'}</span>;
}

function Person({ account, bare, size }) {
  const person = usePerson(account);
  const name = person?.displayName ?? (account ? `User ${account.slice(-6)}` : 'Unknown user');
  return (
    <span class="k-person" title={bare ? name : undefined}>
      <Face name={name} src={person?.avatarUrl} size={size} />
      {bare ? <span class="k-hidden">{name}</span> : <span>{name}</span>}
    </span>
  );
}

export const User = ({ props }) => <Person account={text(props.accountId)} bare={props.hideDisplayName === true} size={props.size} />;

export function UserGroup({ node, props }) {
  const kit = useKit();
  const accounts = Array.isArray(props.accountIds) ? props.accountIds.map(text) : kit.tree.find(node.key, ['User']).map((u) => text(u.props.accountId));
  const max = typeof props.maxCount === 'number' ? props.maxCount : 5;
  return (
    <span class="k-people" role="group" aria-label={`${accounts.length} people`}>
      {accounts.slice(0, max).map((a) => <Person key={a} account={a} bare />)}
      {accounts.length > max && <span class="k-badge k-gray">+{accounts.length - max}</span>}
    </span>
  );
}

/** Avatar shows a person or a thing: a user by account, or a name with a picture of the app. */
export function Avatar({ node, props }) {
  const kit = useKit();
  if (text(props.accountId)) return <Person account={text(props.accountId)} bare size={props.size} />;
  const name = text(props.name) || text(props.label);
  return (
    <span class="k-person" title={name || undefined}>
      <Face name={name} src={picture(props.src, kit.options.assetURL)} size={props.size} square={props.appearance === 'square'} />
      <span class="k-hidden">{name || 'Avatar'}</span>
      <Children node={node} />
    </span>
  );
}

export function UserPicker({ node, props }) {
  const kit = useKit();
  if (!kit.options.users) return <Textfield node={node} props={{ ...props, value: undefined, defaultValue: accountOf(props.defaultValue), placeholder: text(props.placeholder) || 'Account id' }} />;
  const option = (u) => ({ label: u.displayName, value: u.accountId, id: u.accountId, type: 'user', name: u.displayName, avatarUrl: u.avatarUrl });
  const shownAs = (v) => (v === null || v === undefined ? v : [].concat(v).map((x) => {
    const id = accountOf(x);
    return { label: text(x?.name) || known.get(kit)?.get(id)?.displayName || `User ${id.slice(-6)}`, value: id };
  }));
  return (
    <Chooser node={node} props={{ ...props, value: shownAs(props.value), defaultValue: shownAs(props.defaultValue), placeholder: text(props.placeholder) || 'Find a person', onChange: fn(props.onChange) }} options={[]}
      search={async (q) => (await kit.options.users.search(q)).slice(0, 50).map(option)} picture={(o) => o && <Face name={text(o.label)} src={o.avatarUrl} size="xsmall" />}
      answerOf={(o, form) => (form ? o.value : { id: o.value, type: 'user', name: o.label, avatarUrl: o.avatarUrl ?? null, email: null })} />
  );
}

const accountOf = (v) => (v && typeof v === 'object' ? text(v.id ?? v.accountId ?? v.value) : text(v));

