// What UI Kit adds to React's hooks.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { permitted, productContext, requestConfluence, requestJira } from './bridge.js';
import { listen, surroundings } from './session.js';

/** Where the app is shown, and for whom. It is there from the first render on. */
export function useProductContext() {
  const [context, setContext] = useState(productContext);
  useEffect(() => listen('theme', () => setContext(productContext())), []);
  return context;
}

/** What the user configured, undefined before. */
export function useConfig() {
  return productContext().extension.config;
}

/** The product's theme. */
export function useTheme() {
  const [theme, setTheme] = useState(() => surroundings().theme ?? { colorMode: 'light' });
  useEffect(() => listen('theme', () => setTheme(surroundings().theme ?? { colorMode: 'light' })), []);
  return theme;
}

/** Which of the wanted permissions the app has here. */
export function usePermissions(wanted) {
  const key = JSON.stringify(wanted ?? {});
  const [changes, changed] = useState(0);
  useEffect(() => listen('permissions.settled', () => changed((n) => n + 1)), []);
  return useMemo(() => {
    const { granted, missing } = permitted(wanted);
    return { hasPermission: granted, isLoading: false, missingPermissions: granted ? null : missing, error: null };
  }, [key, changes]);
}

// useProperty keeps a JSON value on something of the product's, as the user who is present.
function useProperty(request, base, key, initial) {
  const [value, setValue] = useState(initial);
  const latest = useRef(initial);
  const url = `${base}/${encodeURIComponent(key)}`;
  const load = useCallback(async () => {
    const res = await request(url);
    if (res.status === 404) return undefined;
    if (!res.ok) throw new Error(`the property ${key} cannot be read: ${res.status}`);
    return (await res.json()).value;
  }, [url]);
  useEffect(() => {
    load().then((stored) => {
      if (stored === undefined) return;
      latest.current = stored;
      setValue(stored);
    });
  }, [load]);
  const store = useCallback(async (next) => {
    const now = typeof next === 'function' ? next((await load()) ?? latest.current) : next;
    const res = await request(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(now) });
    if (!res.ok) throw new Error(`the property ${key} cannot be written: ${res.status}`);
    latest.current = now;
    setValue(now);
  }, [url]);
  const remove = useCallback(async () => {
    const res = await request(url, { method: 'DELETE' });
    if (!res.ok && res.status !== 404) throw new Error(`the property ${key} cannot be removed: ${res.status}`);
    latest.current = initial;
    setValue(initial);
  }, [url]);
  return [value, store, remove];
}

const part = (value) => encodeURIComponent(String(value ?? ''));

/** A property of the issue beside which the app is shown. */
export function useIssueProperty(key, initial = undefined) {
  const { issue = {} } = productContext().extension;
  return useProperty(requestJira, `/rest/api/3/issue/${part(issue.id ?? issue.key)}/properties`, key, initial);
}

/** A property of the content in which the app is shown. */
export function useContentProperty(key, initial = undefined) {
  const { content = {} } = productContext().extension;
  return useProperty(requestConfluence, `/wiki/rest/api/content/${part(content.id)}/property`, key, initial);
}

/** A property of the space in which the app is shown. */
export function useSpaceProperty(key, initial = undefined) {
  const { space = {} } = productContext().extension;
  return useProperty(requestConfluence, `/wiki/rest/api/space/${part(space.key)}/property`, key, initial);
}
