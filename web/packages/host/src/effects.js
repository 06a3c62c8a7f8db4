// What a session of UI Kit asks of the page around it, in the words of the commands that an
// app's own page has. A function in an effect is a handle, which only this session can call.

const own = (v) => (typeof v?.$fn === 'string' ? v.$fn : null);

// answered is what a session is told of something that it waits for.
async function answered(id, act) {
  try {
    return { id, result: await act() };
  } catch (e) {
    return { id, error: e.wire?.() ?? { message: 'The server does not answer.', code: 'UNREACHABLE' } };
  }
}

export function effects({ run, call, tell, consent, connect }) {
  const flags = new Map();
  const modals = new Map();
  let closing = null;

  const all = {
    navigate: ({ url, location, newTab }) => run('navigate', { ...(url ? { url } : location), type: newTab ? 'new-tab' : 'same-tab' }),
    history: ({ delta, location, replace }) => run('history', delta === undefined ? { action: replace ? 'REPLACE' : 'PUSH', to: location } : { action: 'GO', by: delta }),
    submit: ({ payload }) => run('submit', payload),
    close: ({ payload }) => run('close', payload),
    refresh: ({ payload }) => run('refresh', payload),
    changeWindowTitle: ({ title }) => run('changeWindowTitle', title),
    consent: () => consent(),
    'permissions.ask': async ({ id, command, payload }) => tell('permissions.settled', await answered(id, () => run('permissions', { command, payload }))),
    getUrl: async ({ id, url, location }) => tell('settled', await answered(id, () => run('getUrl', url ? { url } : location))),
    connect: ({ provider, scopes }) => connect({ provider: String(provider ?? ''), scopes }),
    onClose({ callback }) {
      closing = own(callback);
      return run('onClose');
    },
    showFlag({ actions = [], ...flag }) {
      flags.set(String(flag.id), actions.map((a) => own(a.onClick)));
      return run('showFlag', { ...flag, actions: actions.map(({ text }) => ({ text })) });
    },
    async openModal({ onClose, ...modal }) {
      const { id } = await run('openModal', modal);
      if (own(onClose)) modals.set(id, own(onClose));
    },
  };

  return {
    take({ command, payload }) {
      const act = Object.hasOwn(all, command) ? all[command] : (p) => run(command, p);
      void Promise.resolve(act(payload ?? {})).catch(() => {}); // the session does not wait for it
    },
    // happened is what the commands tell an app's page; a session learns it as an event.
    happened(event, payload) {
      if (event === 'event') tell(`event:${payload.name}`, payload.payload);
      else if (event === 'theme') tell('theme', payload, { theme: payload });
      else if (event === 'history') tell('location', payload, { location: payload });
      else if (event === 'flagAction') { const handle = flags.get(payload.id)?.[payload.index]; if (handle) call(handle); }
      else if (event === 'modalClosed') { const handle = modals.get(payload.id); modals.delete(payload.id); if (handle) call(handle, [payload.payload]); }
      else if (event === 'closing') {
        if (closing) call(closing);
        void run('closed');
      }
    },
  };
}
