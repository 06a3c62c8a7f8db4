// The router of UI Kit's pages: a place within the app, which the shell shows in the address.
import { createContext, createElement, useCallback, useContext, useSyncExternalStore } from 'react';
import { effect, listen, surroundings } from './session.js';

const Params = createContext({});

function placeOf(to, from) {
  const text = typeof to === 'string' ? to : `${to?.pathname ?? from.pathname}${to?.search ?? ''}${to?.hash ?? ''}`;
  const [, pathname = '/', search = '', hash = ''] = /^([^?#]*)(\?[^#]*)?(#.*)?$/.exec(text) ?? [];
  return { pathname: pathname.startsWith('/') ? pathname : `/${pathname}`, search, hash, state: to?.state ?? null };
}

// The place is one for all of a session's components.
let place;
const watchers = new Set();

function present() {
  if (place === undefined) {
    place = placeOf(surroundings().location ?? '/', { pathname: '/' });
    listen('location', (to) => move(placeOf(to, place)));
  }
  return place;
}

function move(to) {
  place = to;
  for (const w of watchers) w();
}

function watch(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

/** Is there for apps that put one around their routes; the place is known without it. */
export const Router = ({ children }) => children;

export const useLocation = () => useSyncExternalStore(watch, present);

/** Goes to another place within the app: navigate('/issues/1'), navigate(-1). */
export function useNavigate() {
  return useCallback((to, options = {}) => {
    const { state = null, replace = false } = options ?? {};
    if (typeof to === 'number') {
      effect('history', { delta: to });
      return;
    }
    const next = { ...placeOf(to, present()), state };
    move(next);
    effect('history', { location: `${next.pathname}${next.search}${next.hash}`, replace });
  }, []);
}

// decoded is a part of an address; anybody can write one that means nothing.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

// match gives the parameters of a pattern such as /issues/:key, null where it does not fit.
function match(pattern, pathname) {
  const want = String(pattern).split('/').filter(Boolean);
  const have = pathname.split('/').filter(Boolean);
  const params = {};
  for (const [i, part] of want.entries()) {
    if (part === '*') return { ...params, '*': have.slice(i).join('/') };
    if (have[i] === undefined) return null;
    if (part.startsWith(':')) params[part.slice(1)] = decoded(have[i]);
    else if (part !== have[i]) return null;
  }
  return want.length === have.length ? params : null;
}

/** The parameters of the route that is shown, or of a pattern. */
export function useParams(pattern = undefined) {
  const routed = useContext(Params);
  const { pathname } = useLocation();
  return pattern === undefined ? routed : match(pattern, pathname) ?? {};
}

/** Shows its children, or element, where the place fits its path. */
export function Route({ path = '*', element = undefined, children = undefined }) {
  const { pathname } = useLocation();
  const params = match(path, pathname);
  return params === null ? null : createElement(Params.Provider, { value: params }, element ?? children);
}
