// What the app describes and the shell draws: the tree comes over one connection, events go
// back one by one, and a connection that broke is made again where it ended.
import { AskError, ask, session } from './ask.js';
import { effects } from './effects.js';

export async function runNative({ main, state, shell, commands, consent, connect, fail }) {
  let kit;
  try {
    kit = await import('/shell/static/kit.js');
  } catch {
    return fail(new AskError({ message: 'This server was built without its components.' }));
  }
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = '/shell/static/kit.css';
  document.head.append(style);

  const { module } = state.facts;
  let ui = '';
  let seen = 0;
  let next = 1;
  let over = false;
  let reading; // what ends the connection
  let queue = Promise.resolve();
  // say sends one event after the other; its number comes back when it is handled.
  const say = (body) => {
    const event = next++;
    queue = queue.then(() => post({ event, ...body })).catch(() => {});
    return event;
  };
  const drawn = kit.mount(main, {
    send: (handle, args) => say({ handle, args }),
    locale: state.context.locale, timezone: state.context.timezone, theme: state.theme.colorMode,
    assetURL: (path) => (path ? `${state.facts.origin}/${String(path).replace(/^\/+/, '')}` : null),
    frame: (resource) => commands.frame(resource),
    navigate: (url, { newTab } = {}) => void commands.run('navigate', { url, type: newTab ? 'new-tab' : 'same-tab' }).catch(() => {}),
    config: (values) => void commands.run('submit', values).catch(() => {}),
    desync: () => { seen = 0; reading?.abort(); },
  });
  const act = effects({
    run: commands.run,
    call: (handle, args = []) => say({ handle, args }),
    tell: (event, payload, now) => say({ handle: '', args: [], shell: { event, ...(payload !== undefined && { payload }), ...(now && { state: now }) } }),
    consent: async () => { if (await consent()) await restart(); },
    connect: async (p) => { if (await connect(p)) await restart(); },
  });
  commands.attach({ resize() {}, reload: (whole) => void (whole ? shell.tell({ kind: 'reopen' }) : restart()), event: act.happened });
  shell.listen((m) => {
    if (m.kind === 'theme') drawn.theme?.(m.theme);
  });

  async function post(body) {
    try {
      await ask(`ui/${ui}/event`, body);
    } catch (e) {
      if (e.code === 'SESSION_GONE' || e.fields.gone) await restart();
      else drawn.apply({ error: e.wire(), event: body.event });
    }
  }

  async function open() {
    const made = await ask('ui', { module, shell: { theme: state.theme, ...(state.given.full && { location: state.given.path || '/' }) } });
    ui = made.session;
    seen = 0;
    next = 1;
  }

  async function restart() {
    reading?.abort();
    await open();
    drawn.apply({ restarted: true });
  }

  // read follows the stream until it ends, and says whether the session is gone.
  async function read() {
    reading = new AbortController();
    const { signal } = reading;
    const res = await fetch(`/bridge/ui/${ui}/stream`, {
      method: 'POST', credentials: 'omit', cache: 'no-store', signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${session()}` }, body: JSON.stringify({ seen }),
    });
    if (!res.ok) {
      const { error } = await res.json().catch(() => ({}));
      if (error?.code === 'SIGNED_OUT') await ask('consent', { module: module }); // asks for another session
      return [404, 409, 410].includes(res.status);
    }
    const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return false;
      rest += value;
      const lines = rest.split('\n');
      rest = lines.pop();
      for (const line of lines) if (line.trim()) take(JSON.parse(line));
    }
  }

  function take(m) {
    if (m.seq !== undefined) {
      if (m.seq <= seen) return;
      seen = m.seq;
    }
    if (m.ping) return;
    if (m.effect) return act.take(m.effect);
    if (m.error?.gone) return void restart();
    drawn.apply(m);
  }

  try {
    await open();
  } catch (e) {
    if (e.code !== 'NEEDS_AUTHENTICATION_ERR' || !(await consent())) return fail(e);
    await open();
  }
  void (async () => {
    for (let pause = 250; !over; pause = Math.min(pause * 2, 8000)) {
      const began = performance.now();
      try {
        if (await read()) await restart();
        else drawn.lost?.();
      } catch {
        drawn.lost?.(); // said, and tried again
      }
      if (performance.now() - began > 2000 || reading?.signal.aborted) pause = 50;
      await new Promise((r) => { setTimeout(r, pause); });
    }
  })();
  addEventListener('pagehide', () => {
    over = true;
    void fetch(`/bridge/ui/${ui}`, { method: 'DELETE', keepalive: true, credentials: 'omit', headers: { authorization: `Bearer ${session()}` } }).catch(() => {});
  });
}
