// Who people are, for the components that draw them: asked of the bridge, many at once, and
// each once as long as the page stands. No app is given any of it.

const NAMES = 50; // of one question
const PICTURES = 20;
const MOST = 2000; // that are remembered
const DRAWN = /^data:image\/(?:png|svg\+xml);base64,[A-Za-z0-9+/]+=*$/;

/** people answers by a function that asks the bridge. */
export function people(ask) {
  const names = gather(NAMES, async (ids) => new Map((await ask({ ids })).people.map((p) => [p.accountId, p])));
  const pictures = gather(PICTURES, async (ids) => new Map(Object.entries((await ask({ pictures: ids })).pictures)));
  return {
    /** get gives those of the accounts whom the person who looks may know. */
    get: async (accounts) => (await Promise.all(accounts.filter(asked).map(names))).filter(Boolean),
    search: async (text) => (await ask({ search: [...text].slice(0, 100).join('').replace(/\p{C}/gu, '') })).people,
    /** picture is somebody's, in the address itself: a place elsewhere is none. */
    picture: async (account) => {
      const url = asked(account) ? await pictures(account) : undefined;
      return typeof url === 'string' && DRAWN.test(url) ? url : undefined;
    },
  };
}

// What the server would refuse is asked of nobody: one odd id must not hide the others.
const asked = (account) => account !== '' && new TextEncoder().encode(account).length <= 255 && !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(account);

/** gather makes few questions of many: what comes in one turn is asked together. */
function gather(most, ask) {
  const known = new Map();
  let waiting = null;
  async function send(now) {
    for (let ids = [...now.keys()]; ids.length > 0; ids = ids.slice(most)) {
      const some = ids.slice(0, most);
      try {
        const found = await ask(some);
        for (const id of some) now.get(id).resolve(found.get(id));
      } catch (e) {
        for (const id of some) {
          known.delete(id);
          now.get(id).reject(e);
        }
      }
    }
  }
  return (id) => {
    if (known.has(id)) return known.get(id);
    if (known.size >= MOST) known.clear();
    if (!waiting) {
      const now = waiting = new Map();
      setTimeout(() => { waiting = null; void send(now); }, 10);
    }
    const into = waiting;
    const made = new Promise((resolve, reject) => { into.set(id, { resolve, reject }); });
    known.set(id, made);
    return made;
  };
}
