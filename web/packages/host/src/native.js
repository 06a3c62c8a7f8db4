// What the app describes and the shell draws: the tree comes over one connection, events go
// back one by one, and a connection that broke is made again where it ended.
import { AskError, ask, passing, session } from './ask.js';
import { effects } from './effects.js';
import { follow } from './follow.js';
import { people } from './people.js';
import { el } from './small.js';
import { say as words } from './texts.js';

// Another view is opened by itself where the one before was over, or its app another one. What
// the app did itself, a loop without an end for one, it would do again: there a person decides.
const anew = new Set(['SESSION_GONE', 'SESSION_ENDED', 'SESSION_LOST', 'VERSION_CHANGED']);

const most = 60_000; // bytes that browsers send for a page that is gone

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
  let opening = null; // a promise while another view is being opened
  let halted = null; // what goes on reading, while there is no view
  let blank = 0; // views of late that showed nothing
  const wait = el('div', { class: 'skeleton', role: 'status' }, words('loading', { title: state.module.title }));
  document.body.append(wait);
  shell.tell({ kind: 'waiting', on: true }); // for the end of its first event
  let show;
  const shown = new Promise((resolve) => {
    show = () => {
      wait.remove();
      resolve();
    };
  });
  let queue = Promise.resolve();
  const unsent = new Set(); // events of this view that the server is not known to have
  // say sends one event after the other; its number comes back when it is handled.
  const say = (body) => {
    const event = next++;
    const view = ui;
    const said = { event, ...body };
    unsent.add(said);
    queue = queue.then(() => post(view, said)).catch(() => {}).then(() => unsent.delete(said));
    return event;
  };
  const linked = link();
  const drawn = kit.mount(main, {
    send: (handle, args) => say({ handle, args }),
    locale: state.context.locale, timezone: state.context.timezone, theme: state.theme.colorMode,
    assetURL: (path) => (path ? `${state.facts.origin}/${String(path).replace(/^\/+/, '')}` : null),
    frame: (resource) => commands.frame(resource),
    users: state.facts.people ? people((what) => ask('people', { module, ...what })) : undefined,
    navigate: (url, { newTab } = {}) => void commands.run('navigate', { url, type: newTab ? 'new-tab' : 'same-tab' }).catch(() => {}),
    config: (values) => void commands.run('submit', values).catch(() => {}),
    desync: () => { seen = 0; reading?.abort(); },
    again: { label: words('reload'), run: () => { blank = 0; void restart(); } },
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

  // post sends an event of a view until the server has it, or the view is over: what a person
  // did while the connection was away is kept. The server counts a number once.
  async function post(view, body) {
    for (let pause = 250; view === ui && !over; pause = Math.min(pause * 2, 4000)) {
      try {
        await ask(`ui/${view}/event`, body);
        return linked(true);
      } catch (e) {
        if (view !== ui) return undefined;
        if (e.code === 'SESSION_GONE' || e.fields.gone) return gone(e);
        if (!passing(e)) return drawn.apply({ error: e.wire(), event: body.event });
        linked(false);
        await new Promise((r) => { setTimeout(r, pause); });
      }
    }
    return undefined;
  }

  async function open() {
    const made = await ask('ui', { module, shell: { theme: state.theme, ...(state.given.full && { location: state.given.path || '/' }) } });
    ui = made.session;
    seen = 0;
    next = 1;
    unsent.clear();
  }

  function restart() {
    opening ??= (async () => {
      reading?.abort();
      try {
        await open();
      } catch (e) {
        if (passing(e)) throw e; // who reads tries again
        return halt(e);
      }
      drawn.apply({ restarted: true });
      go();
    })().finally(() => { opening = null; });
    return opening;
  }

  // gone says what becomes of a view that is over.
  async function gone(error) {
    if (opening) return opening;
    if (anew.has(error.code) && ++blank < 3) return restart();
    return halt(error);
  }

  // halt shows why there is no view, and a way to try again; nothing is asked until then.
  function halt(e) {
    const { code, message, fix } = e;
    reading?.abort();
    // Where an admin keeps the app out, nothing of it stays in sight.
    if (code === 'ACCESS_RULE') {
      over = true;
      drawn.destroy();
      show();
      shell.tell({ kind: 'waiting', on: false });
      fail(e);
      return;
    }
    if (!halted) {
      let done;
      halted = new Promise((resolve) => { done = resolve; });
      halted.end = done;
    }
    drawn.apply({ error: { code, message, fix, gone: true } });
    show();
    shell.tell({ kind: 'waiting', on: false });
  }

  function go() {
    halted?.end();
    halted = null;
  }

  // read follows the stream until it ends, and says why if the session is gone.
  async function read() {
    reading = new AbortController();
    const { signal } = reading;
    const error = await follow(ui, seen, signal, (line) => {
      linked(true);
      take(JSON.parse(line));
    });
    if (!error) return null;
    if (error.code === 'SIGNED_OUT') await ask('consent', { module: module }); // asks for another session
    const is = error.fields?.gone || error.kind === 'conflict' || error.kind === 'not-found';
    return is ? { code: error.code ?? 'SESSION_GONE', message: error.message ?? words('ended'), fix: error.fix } : null;
  }

  function take(m) {
    if (m.seq !== undefined) {
      if (m.seq <= seen) return;
      seen = m.seq;
    }
    if (m.ping) return;
    if (m.tree || m.effect || m.error) show();
    if (m.begun || m.idle || m.error) shell.tell({ kind: 'waiting', on: false });
    if (m.effect) return act.take(m.effect);
    if (m.error?.gone) return void gone(m.error).catch(() => {}); // who reads tries again
    if (m.tree || m.patches) blank = 0;
    drawn.apply(m);
  }

  try {
    await open();
  } catch (e) {
    show();
    shell.tell({ kind: 'waiting', on: false });
    shell.tell({ kind: 'ready' });
    if (e.code !== 'NEEDS_AUTHENTICATION_ERR' || !(await consent())) return fail(e);
    await open();
  }
  void (async () => {
    for (let pause = 250; !over; pause = Math.min(pause * 2, 8000)) {
      await halted;
      const began = performance.now();
      try {
        if (opening) await opening;
        else {
          const why = await read();
          if (why) await gone(why);
        }
      } catch {
        if (!reading?.signal.aborted) linked(false); // said, and tried again
      }
      if (performance.now() - began > 2000 || reading?.signal.aborted) pause = 50;
      await new Promise((r) => { setTimeout(r, pause); });
    }
  })();
  addEventListener('pagehide', () => {
    over = true;
    linked(true);
    // What was done and is not known to have arrived goes with the end: it is handled before it.
    drawn.sendAll?.();
    let body = new Blob([JSON.stringify({ last: [...unsent] })]);
    if (body.size > most) body = '{}';
    void fetch(`/bridge/ui/${ui}`, { method: 'DELETE', keepalive: true, credentials: 'omit', headers: { 'content-type': 'application/json', authorization: `Bearer ${session()}` }, body }).catch(() => {});
  });
  // A browser that kept the page shows it again as it was, when somebody goes back to it; the
  // view has ended by then.
  addEventListener('pageshow', (e) => { if (e.persisted && over) shell.tell({ kind: 'reopen' }); });
  await shown;
}

// link gives a function that is told whether the server is reached. Who looks on learns of it
// when that lasts; what they enter meanwhile is kept.
function link() {
  const said = el('p', { class: 'cut', role: 'status', hidden: true });
  document.body.append(said);
  let timer = 0;
  return (is) => {
    if (is) {
      clearTimeout(timer);
      timer = 0;
      said.hidden = true;
      said.textContent = '';
    } else {
      timer ||= setTimeout(() => {
        said.textContent = words('cut');
        said.hidden = false;
      }, 1500);
    }
  };
}
