// What of wanted permissions an installation was granted, by what getContext says. It answers
// for those who want to know before they try; each request is decided by the server.

// covers compares scheme, host, port and, where it counts, the path.
function covers(pattern, url, paths) {
  if (pattern === '*') return url.protocol === 'https:';
  const m = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\*\.)?([^:/*]+)(?::(\d+))?(\/.*)?$/i.exec(pattern);
  if (!m) return false;
  const [, scheme = 'https', wild, host, port = '', path = '/'] = m;
  if (url.protocol !== `${scheme}:` || url.port !== (port === '443' ? '' : port)) return false;
  if (wild ? !url.hostname.endsWith(`.${host}`) : url.hostname !== host) return false;
  return !paths || path === '/' || (path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path);
}

function allowed(patterns, wanted, paths) {
  if ((patterns ?? []).includes(wanted)) return true;
  let url;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(wanted) ? wanted : `https://${wanted}`);
  } catch {
    return false;
  }
  return (patterns ?? []).some((p) => covers(p, url, paths));
}

export function granted(have, asked) {
  have ??= {};
  const wanted = asked ?? {};
  const missing = {};
  const scopes = (wanted.scopes ?? []).filter((s) => !(have.scopes ?? []).includes(s));
  if (scopes.length) missing.scopes = scopes;
  for (const [type, list] of Object.entries(wanted.external ?? {})) {
    if (type === 'fetch') {
      for (const [side, urls] of Object.entries(list ?? {})) {
        const not = (urls ?? []).filter((u) => !allowed(have.external?.fetch?.[side], u, side === 'client'));
        if (not.length) ((missing.external ??= {}).fetch ??= {})[side] = not;
      }
      continue;
    }
    const not = (list ?? []).filter((u) => !allowed(have.external?.[type], u, true));
    if (not.length) (missing.external ??= {})[type] = not;
  }
  // A remote is there when it has an address: one that nobody has set yet is not.
  const remotes = (wanted.remotes ?? []).filter((key) => !(have.remotes ?? []).includes(key));
  if (remotes.length) missing.remotes = remotes;
  const all = Object.keys(missing).length === 0;
  return { granted: all, missing: all ? null : missing };
}
