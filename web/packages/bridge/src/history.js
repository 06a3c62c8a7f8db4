// The history of a page of an app: the host keeps it in the address of the product's page.

export function makeHistory(send, start) {
  const listeners = new Set();
  const api = {
    location: at(start),
    action: 'POP',
    push: (to, state) => go('PUSH', to, state),
    replace: (to, state) => go('REPLACE', to, state),
    go: (n) => void send('history', { action: 'GO', by: Number(n) | 0 }),
    goBack: () => api.go(-1),
    goForward: () => api.go(1),
    back: () => api.go(-1),
    forward: () => api.go(1),
    listen(fn) {
      listeners.add(fn);
      return () => void listeners.delete(fn);
    },
    createHref: (to) => text(to),
    block: () => () => {},
  };
  // Libraries of two generations listen: (location, action), and ({ location, action }).
  function tell() {
    for (const fn of [...listeners]) fn(Object.assign(Object.create(null), api.location, { location: api.location, action: api.action }), api.action);
  }
  function go(action, to, state) {
    api.action = action;
    api.location = at(to, state);
    void send('history', { action, to: text(to) });
    tell();
  }
  return {
    api,
    moved(to) {
      api.action = 'POP';
      api.location = at(to);
      tell();
    },
  };
}

const text = (to) => (typeof to === 'string' ? to : `${to?.pathname ?? '/'}${to?.search ?? ''}${to?.hash ?? ''}`);

// at reads a place in the app. Whatever the text is, it is a path: never another host, and
// never something that cannot be read.
function at(to, state) {
  const [, path, search, hash] = /^([^?#]*)(\?[^#]*)?(#[^]*)?$/.exec(text(to));
  const url = new URL('http://app.invalid/');
  url.pathname = path;
  return { pathname: url.pathname, search: search?.slice(1) ? search : '', hash: hash?.slice(1) ? hash : '', state: state ?? to?.state ?? null, key: Math.random().toString(36).slice(2, 10) };
}
