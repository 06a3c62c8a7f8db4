// The router of UI Kit's pages: a place within the app, which the shell shows in the address.
import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { effect, listen, surroundings } from './session.js';

const Place = createContext(null);
const Params = createContext({});

function placeOf(to, from) {
  const text = typeof to === 'string' ? to : `${to?.pathname ?? from.pathname}${to?.search ?? ''}${to?.hash ?? ''}`;
  const found = /^([^?#]*)(\?[^#]*)?(#.*)?$/.exec(text);
  const [, pathname = '/', search = '', hash = ''] = found ?? [];
  return { pathname: pathname.startsWith('/') ? pathname : `/${pathname}`, search, hash, state: to?.state ?? null };
}

const first = () => placeOf(surroundings().location ?? '/', { pathname: '/' });

/** Holds the present place; without one each hook has its own look at it. */
export function Router({ children }) {
  const value = usePlace();
  return createElement(Place.Provider, { value }, children);
}

function usePlace() {
  const [place, setPlace] = useState(first);
  useEffect(() => listen('location', (to) => setPlace(placeOf(to, place))), []);
  const go = useCallback((to, options = {}) => {
    if (typeof to === 'number') {
      effect('history', { delta: to });
      return;
    }
    const next = { ...placeOf(to, first()), state: options.state ?? null };
    setPlace(next);
    effect('history', { location: `${next.pathname}${next.search}${next.hash}`, replace: options.replace === true });
  }, []);
  return useMemo(() => ({ place, go }), [place, go]);
}

function useRouter() {
  const held = useContext(Place);
  const own = usePlace();
  return held ?? own;
}

export const useNavigate = () => useRouter().go;
export const useLocation = () => useRouter().place;

// match gives the parameters of a pattern such as /issues/:key, null where it does not fit.
function match(pattern, pathname) {
  const want = pattern.split('/').filter(Boolean);
  const have = pathname.split('/').filter(Boolean);
  const params = {};
  for (const [i, part] of want.entries()) {
    if (part === '*') return { ...params, '*': have.slice(i).join('/') };
    if (have[i] === undefined) return null;
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(have[i]);
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
