import { useCallback, useEffect, useState } from 'react';

/**
 * useLoaded is what a function loads, and a way to change it; undefined until it is there.
 * What fails is thrown where the page is drawn, and shown by Problem.
 */
export function useLoaded(load) {
  const [loaded, set] = useState({});
  useEffect(() => {
    let live = true;
    load().then((value) => live && set({ value }), (error) => live && set({ error }));
    return () => { live = false; };
  }, []);
  const change = useCallback((how) => set(({ value }) => ({ value: how(value) })), []);
  if (loaded.error) throw loaded.error;
  return [loaded.value, change];
}
