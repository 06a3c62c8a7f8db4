// People: their names and pictures come from the platform, never from an address in a prop.
import { useEffect, useState } from 'preact/hooks';
import { Children, fn, useKit } from '../base.jsx';
import { oneOf, picture, text } from '../safe.js';
import { Chooser } from './select.jsx';
import { Textfield } from './fields.jsx';

const books = new WeakMap(); // a mount's people, by account
const book = (kit) => books.get(kit) ?? books.set(kit, new Map()).get(kit);

function keep(kit, found) {
  for (const p of found) if (p && text(p.accountId) && text(p.displayName)) book(kit).set(p.accountId, p);
  return found;
}

/** usePeople asks who accounts are, and draws again when it is known. */
function usePeople(accounts) {
  const kit = useKit();
  const [, again] = useState(0);
  useEffect(() => {
    const missing = accounts.filter((a) => a !== '' && !book(kit).has(a));
    if (missing.length === 0 || !kit.options.users) return;
    let live = true;
    kit.options.users.get(missing).then((found) => {
      if (keep(kit, found).length > 0 && live) again((n) => n + 1);
    }, () => {}); // ids stay
    return () => { live = false; };
  }, [accounts.join('\n')]);
  return (account) => book(kit).get(account);
}

// What the platform drew itself: a person's picture is never got from an address.
const OURS = /^data:image\/(?:png|svg\+xml);base64,/;

function usePicture(person) {
  const kit = useKit();
  const [shown, show] = useState(null);
  useEffect(() => {
    if (!person?.picture || !kit.options.users?.picture) return;
    let live = true;
    kit.options.users.picture(person.accountId).then((url) => {
      if (live && OURS.test(text(url))) show({ of: person.accountId, url });
    }, () => {});
    return () => { live = false; };
  }, [person]);
  return shown?.of === person?.accountId ? shown?.url : undefined;
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
  const kit = useKit();
  const person = usePeople([account])(account);
  const face = usePicture(person);
  const name = person?.displayName ?? (account ? kit.say('user', { id: account.slice(-6) }) : kit.say('nobody'));
  return (
    <span class="k-person" title={bare ? name : undefined}>
      <Face name={name} src={face} size={size} />
      {bare ? <span class="k-hidden">{name}</span> : <span>{name}</span>}
    </span>
  );
}

/** Somebody is the face of a person who can be chosen. */
function Somebody({ account, name }) {
  const person = usePeople([account])(account);
  return <Face name={person?.displayName ?? name} src={usePicture(person)} size="xsmall" />;
}

export const User = ({ props }) => <Person account={text(props.accountId)} bare={props.hideDisplayName === true} size={props.size} />;

export function UserGroup({ node, props }) {
  const kit = useKit();
  const accounts = Array.isArray(props.accountIds) ? props.accountIds.map(text) : kit.tree.find(node.key, ['User']).map((u) => text(u.props.accountId));
  const max = typeof props.maxCount === 'number' ? props.maxCount : 5;
  return (
    <span class="k-people" role="group" aria-label={kit.say('people', { count: accounts.length })}>
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
      <span class="k-hidden">{name || kit.say('avatar')}</span>
      <Children node={node} />
    </span>
  );
}

export function UserPicker({ node, props }) {
  const kit = useKit();
  if (!kit.options.users) return <Textfield node={node} props={{ ...props, value: undefined, defaultValue: accountOf(props.defaultValue), placeholder: text(props.placeholder) || kit.say('account') }} />;
  const chosen = (v) => (v === null || v === undefined ? v : [].concat(v).map((x) => {
    const id = accountOf(x);
    return { label: text(x?.name) || kit.say('user', { id: id.slice(-6) }), value: id };
  }));
  const given = [props.value, props.defaultValue].flatMap((v) => [].concat(v ?? [])).map(accountOf);
  const find = usePeople(given);
  const nameOf = (o) => find(text(o?.value))?.displayName;
  return (
    <Chooser node={node} props={{ ...props, value: chosen(props.value), defaultValue: chosen(props.defaultValue), placeholder: text(props.placeholder) || kit.say('find'), onChange: fn(props.onChange) }} options={[]}
      search={async (q) => keep(kit, await kit.options.users.search(q)).slice(0, 50).map((u) => ({ label: u.displayName, value: u.accountId }))}
      name={nameOf} picture={(o) => o && <Somebody account={text(o.value)} name={text(o.label)} />}
      answerOf={(o, form) => (form ? o.value : { id: o.value, type: 'user', name: nameOf(o) ?? o.label, avatarUrl: null, email: null })} />
  );
}

const accountOf = (v) => (v && typeof v === 'object' ? text(v.id ?? v.accountId ?? v.value) : text(v));

