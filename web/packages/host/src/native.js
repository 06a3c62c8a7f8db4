// What the app describes and the shell draws: the tree comes over one connection, events go
// back one by one, and a connection that broke is made again where it ended.
import { AskError, ask, session } from './ask.js';

export async function runNative({ main, state, shell, commands, consent, fail }) {
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
  const base = new URL(state.facts.origin).origin;
  let ui = '';
  let seen = 0;
  let next = 1;
  let over = false;
  let queue = Promise.resolve();
  const drawn = kit.mount(main, {
    send: (handle, args) => {
      const event = next++;
      queue = queue.then(() => post(event, handle, args)).catch(() => {});
      return event;
    },
    locale: state.context.locale, timezone: state.context.timezone, theme: state.theme.colorMode,
    assetURL: (path) => `${base}/${path}`,
    frame: (resource) => commands.frame(resource),
  });
  commands.attach({
    resize() {},
    reload: () => void restart(),
    event: (event, payload) => drawn.apply({ event, payload }),
  });
  shell.listen((m) => {
    if (m.kind === 'theme') drawn.apply({ theme: m.theme });
  });

  async function post(event, handle, args) {
    try {
      await ask(`ui/${ui}/event`, { event, handle, args });
    } catch (e) {
      if (e.code === 'gone' || e.code === 'UI_GONE') await restart();
      else if (e.code === 'UNREACHABLE') drawn.apply({ error: e.wire(), event });
      else throw e;
    }
  }

  async function open() {
    const made = await ask('ui', { module, shell: { theme: state.theme, ...(state.given.full && { location: state.given.path || '/' }) } });
    ui = made.session;
    seen = 0;
    next = 1;
  }

  async function restart() {
    await open();
    drawn.apply({ restarted: true });
  }

  // read follows the stream until it ends, and says whether the session is gone.
  async function read() {
    const res = await fetch(`/bridge/ui/${ui}/stream`, {
      method: 'POST', credentials: 'omit', cache: 'no-store', headers: { 'content-type': 'application/json', authorization: `Bearer ${session()}` }, body: JSON.stringify({ seen }),
    });
    if (!res.ok) return [404, 409, 410].includes(res.status);
    const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      rest += value;
      const lines = rest.split('\n');
      rest = lines.pop();
      for (const line of lines) if (line.trim()) await take(JSON.parse(line));
    }
  }

  async function take(m) {
    if (m.seq !== undefined) {
      if (m.seq <= seen) return;
      seen = m.seq;
    }
    if (m.ping) return;
    if (m.effect) {
      await commands.run(m.effect.command, m.effect.payload).catch(() => {});
      return;
    }
    if (m.error?.code === 'NEEDS_AUTHENTICATION_ERR') {
      if (await consent()) await restart();
      else drawn.apply(m);
      return;
    }
    drawn.apply(m);
  }

  try {
    await open();
  } catch (e) {
    if (e.code === 'NEEDS_AUTHENTICATION_ERR' && await consent()) await open();
    else return fail(e);
  }
  void (async () => {
    for (let pause = 250; !over; pause = Math.min(pause * 2, 8000)) {
      try {
        const began = performance.now();
        if (await read()) await restart();
        if (performance.now() - began > 2000) pause = 125;
      } catch { /* made again below */ }
      await new Promise((r) => { setTimeout(r, pause); });
    }
  })();
  addEventListener('pagehide', () => {
    over = true;
    void fetch(`/bridge/ui/${ui}`, { method: 'DELETE', keepalive: true, credentials: 'omit', headers: { authorization: `Bearer ${session()}` } }).catch(() => {});
  });
}
