// What an app's page may ask of the shell. There is one list; what is not on it is not
// offered. No command names a user, a site, an installation or a module: those are the
// session's.
import { AskError, ask } from './ask.js';
import { css, el } from './small.js';

const maxPayload = 500 << 10;
const maxSmall = 32 << 10;

const notOffered = (command) => new AskError({ code: 'NOT_OFFERED', message: `${String(command).slice(0, 64)} is not offered by this product.`, fields: { command: String(command).slice(0, 64) } });
const invalid = (message) => new AskError({ code: 'INVALID_ARGUMENT', message });

// textOf writes a value as JSON, if it has one and is not too large. What arrives is a copy
// that the browser made: no getter of the app's runs here.
function textOf(value, most) {
  let text;
  try {
    text = JSON.stringify(value ?? null);
  } catch {
    throw invalid('This cannot be passed to the host.');
  }
  if (text.length > most) throw new AskError({ code: 'LIMIT_PAYLOAD', message: `The payload is larger than ${most} bytes.`, fields: { limit: 'payload', figure: most } });
  return text;
}

// taken copies what a command takes, by name and kind; anything else in a payload is dropped.
function taken(payload, shape) {
  const out = Object.create(null);
  if (typeof payload !== 'object' || payload === null) return out;
  for (const [name, kind] of Object.entries(shape)) {
    if (!Object.hasOwn(payload, name)) continue;
    const v = payload[name];
    if (kind === 'json' ? v !== undefined : typeof v === kind) out[name] = kind === 'json' ? JSON.parse(textOf(v, maxSmall)) : kind === 'string' ? v.slice(0, 8 << 10) : v;
    else if (kind === 'string' && typeof v === 'number') out[name] = String(v); // a number where a text is meant: a title, say
  }
  return out;
}

const bytes = (text) => new TextEncoder().encode(text);
function base64(u8) {
  let s = '';
  for (let i = 0; i < u8.length; i += 0x8000) s += String.fromCharCode(...u8.subarray(i, i + 0x8000));
  return btoa(s);
}
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export function makeCommands({ state, shell, consent, connect }) {
  const { facts, given } = state;
  const events = new BroadcastChannel(`annex-events-${given.page}-${facts.module.split('/')[0]}`);
  const dialogs = new Map();
  let frame = { resize() {}, reload() {}, event() {} };
  let flags = 0;

  events.onmessage = ({ data }) => {
    if (data?.annex === 'event') frame.event('event', { kind: 'on', name: data.name, payload: data.payload });
  };
  shell.listen((m) => {
    if (m.kind === 'theme') {
      frame.event('theme', { colorMode: m.theme });
      frame.event('event', { kind: 'on', name: 'annex:theme', payload: { colorMode: m.theme } });
    } else if (m.kind === 'dialogClosed') {
      frame.event('modalClosed', { id: m.dialog, payload: m.payload });
      dialogs.get(m.dialog)?.(m.payload);
      dialogs.delete(m.dialog);
    } else if (m.kind === 'closing') frame.event('closing', {});
    else if (m.kind === 'history') frame.event('history', m.path || '/');
    else if (m.kind === 'refresh') frame.reload();
    else if (m.kind === 'flagAction' && m.key.startsWith(`${facts.module} `)) frame.event('flagAction', { id: m.key.slice(facts.module.length + 1), index: m.index });
  });

  // agreed does something that may need the person's agreement first, and then once more.
  async function agreed(act) {
    try {
      return await act();
    } catch (e) {
      if (e.code !== 'NEEDS_AUTHENTICATION_ERR') throw e;
      const { provider, scopes } = e.fields;
      if (!(await (typeof provider === 'string' ? connect({ provider, scopes }) : consent()))) throw e;
      return act();
    }
  }

  async function invoke(p) {
    if (typeof p?.functionKey !== 'string' || p.functionKey === '' || p.functionKey.length > 200) throw invalid('The name of the function is a text.');
    const payload = textOf(p.payload, maxPayload);
    const head = JSON.stringify({ module: facts.module, functionKey: p.functionKey });
    const out = await agreed(() => ask('invoke', `${head.slice(0, -1)},"payload":${payload}}`));
    return p.metadata ? { body: out.result, metadata: {} } : out.result;
  }

  // fetchRemote has two callers: invokeRemote asks the module's endpoint and speaks JSON,
  // requestRemote asks a remote by its key and gets what it answers.
  async function fetchRemote(p) {
    const direct = typeof p?.remoteKey === 'string';
    const init = (direct ? p.fetchRequestInit : p) ?? {};
    const path = String(init.path ?? '');
    let headers = (Array.isArray(init.headers) ? init.headers : Object.entries(init.headers ?? {})).map(([k, v]) => [String(k), String(v)]);
    const said = (name) => headers.some(([k]) => k.toLowerCase() === name);
    let body = '';
    if (direct) body = typeof init.body !== 'string' ? '' : init.encoding === 'base64' ? init.body : base64(bytes(init.body));
    else if (init.body !== undefined) {
      body = base64(bytes(typeof init.body === 'string' ? init.body : textOf(init.body, maxPayload)));
      if (!said('content-type')) headers = [...headers, ['content-type', 'application/json']];
    }
    const r = await agreed(() => ask('remote', { module: facts.module, ...(direct && { remote: p.remoteKey }), path, method: String(init.method ?? 'GET'), headers, body }));
    const answer = answered(r);
    if (direct) return answer;
    if (r.status === 401) throw new AskError({ code: 'REMOTE_REFUSED', message: 'The remote refused the invocation token.' });
    if (answer.isAttachment) throw new AskError({ code: 'REMOTE_ANSWER', message: 'The remote answered with something else than JSON.' });
    if (answer.body === '') {
      if (r.status < 200 || r.status > 299) throw new AskError({ code: 'REMOTE_ANSWER', message: `The remote answered with status ${r.status}.` });
      return { status: r.status, headers: answer.headers };
    }
    try {
      return { status: r.status, headers: answer.headers, body: JSON.parse(answer.body) };
    } catch {
      throw new AskError({ code: 'REMOTE_ANSWER', message: 'The remote answered with something else than JSON.' });
    }
  }

  // answered is what came back of a request, as pages read it.
  function answered(r) {
    const answer = {};
    for (const [k, v] of r.headers ?? []) answer[k.toLowerCase()] = k.toLowerCase() in answer ? `${answer[k.toLowerCase()]}, ${v}` : v;
    const type = answer['content-type'] ?? '';
    const raw = r.bytes ?? fromBase64(r.body ?? '');
    const text = raw.length === 0 || /^(text\/|application\/([\w.+-]*json|[\w.+-]*xml|javascript|x-www-form-urlencoded))/i.test(type) || type === '';
    return { status: r.status, statusText: r.statusText, headers: answer, body: text ? new TextDecoder().decode(raw) : (r.body ?? base64(raw)), isAttachment: !text };
  }

  async function fetchProduct(p) {
    const init = p?.fetchRequestInit ?? {};
    if (typeof p?.product !== 'string' || typeof p?.restPath !== 'string') throw invalid('A request has a product and a path.');
    const body = typeof init.body === 'string' ? init.body : '';
    let headers = (Array.isArray(init.headers) ? init.headers : Object.entries(init.headers ?? {})).map(([k, v]) => [String(k), String(v)]);
    let data = init.encoding === 'base64' ? fromBase64(body) : bytes(body);
    if (p.isMultipartFormData === true) {
      const form = new Response(formOf(body));
      headers = [...headers.filter(([k]) => k.toLowerCase() !== 'content-type'), ['content-type', form.headers.get('content-type')]];
      data = new Uint8Array(await form.arrayBuffer());
    }
    const path = p.restPath.startsWith('/') ? p.restPath : `/${p.restPath}`;
    const r = await agreed(() => ask('request', { module: facts.module, product: p.product, path, method: String(init.method ?? 'GET'), headers }, { bytes: data }));
    return answered(r);
  }

  // formOf makes a form of what bridges of apps write in its place: files as base64, with
  // their names and types beside them.
  function formOf(text) {
    const form = new FormData();
    let all = {};
    try {
      all = JSON.parse(text);
    } catch {
      throw invalid('This is no form.');
    }
    for (const [k, v] of Object.entries(all)) {
      if (/^__.*(Name|Type)$/.test(k)) continue;
      if (typeof all[`__${k}Name`] !== 'string') { form.append(k, String(v)); continue; }
      const raw = String(v);
      form.append(k, new Blob([fromBase64(raw.includes(',') ? raw.slice(raw.indexOf(',') + 1) : raw)], { type: String(all[`__${k}Type`] ?? '') }), all[`__${k}Name`]);
    }
    return form;
  }

  async function navigate(p) {
    const tab = p?.type === 'new-tab';
    if (typeof p?.url !== 'string') return void await shell.ask({ kind: 'navigate', place: taken(p, placeShape), tab });
    if (p.url.length > 4096) throw invalid('The address is too long.');
    // The product's own pages first: its page knows which addresses are its own.
    if (await shell.ask({ kind: 'navigate', to: p.url, tab })) return;
    const link = await ask('link', { module: facts.module, url: p.url });
    await openDialog({ what: 'link', ...link, title: link.host });
  }

  // openDialog resolves at once; what came of the dialog is an event.
  async function openDialog(dialog) {
    const name = `d${dialogs.size + 1}-${Math.random().toString(36).slice(2)}`;
    dialogs.set(name, () => {});
    await shell.ask({ kind: 'dialog', dialog: { ...dialog, name } });
    return name;
  }

  const placeShape = { target: 'string', moduleKey: 'string', path: 'string', issueKey: 'string', projectKey: 'string', accountId: 'string', dashboardId: 'string', contentId: 'string', spaceKey: 'string' };
  const view = (kind) => async (value) => shell.ask({ kind, value: JSON.parse(textOf(value, maxSmall)) });

  // permission has the server carry out what the app says of its permissions. What an admin
  // is to decide is shown by a page of the platform's; when that is closed, this one asks what
  // came of it. The app learns no more than that.
  async function permission(command, payload) {
    const body = JSON.parse(textOf(payload, maxSmall)) ?? {};
    let out = await ask('permissions', { module: facts.module, command, payload: body });
    if (out.ask) {
      await shell.ask({ kind: 'ask', ticket: out.ask.ticket });
      out = await ask('permissions/outcome', { module: facts.module, ask: out.ask.id });
    }
    if (!/get|domains$/.test(command)) await look();
    return out.result;
  }

  // look reads the context again: what the app may do is another by now.
  async function look() {
    looked = Date.now();
    const got = await ask('context', { module: facts.module }).catch(() => null);
    if (got) state.context = got.context;
  }
  let looked = Date.now();
  const permit = (command) => (payload) => permission(command, payload);

  const all = new Map(Object.entries({
    invoke,
    fetchProduct,
    fetchRemote,
    async getContext() {
      if (Date.now() - looked > 10_000) await look(); // an admin may have changed what the app may do
      return { ...state.context, theme: state.theme, surfaceColor: null, extension: { ...state.context.extension, ...(given.modal && { modal: given.modal }) } };
    },
    async getTranslations(p) {
      const { locale, fallback } = taken(p, { locale: 'string', fallback: 'boolean' });
      return ask('texts', { module: facts.module, ...(locale && { locale }), ...(fallback !== undefined && { fallback }) });
    },
    submit: view('submit'),
    close: view('close'),
    open: async () => { throw new AskError({ code: 'NOT_HERE', message: 'This view is open.' }); },
    onClose: async () => { shell.tell({ kind: 'holds' }); return true; },
    closed: async () => { shell.tell({ kind: 'closed' }); },
    escape: async () => { if (given.dialog) shell.tell({ kind: 'escape' }); },
    refresh: view('refresh'),
    reload: async () => { frame.reload(true); },
    resize: async (p) => { if (Number.isFinite(p?.height) && p.height > 0) frame.resize(p.height); },
    enableTheming: async () => state.theme,
    async createHistory() {
      return given.full && given.path ? given.path : '/';
    },
    async history(p) {
      const { action, to, by } = taken(p, { action: 'string', to: 'string', by: 'number' });
      if (given.full && ['PUSH', 'REPLACE', 'GO'].includes(action)) shell.tell({ kind: 'history', action, to: (to ?? '/').slice(0, 1000), by: Math.trunc(by ?? 0) });
    },
    navigate,
    async getUrl(p) {
      const url = await shell.ask({ kind: 'navigate', ask: true, ...(typeof p?.url === 'string' ? { to: p.url } : { place: taken(p, placeShape) }) });
      if (!url) throw new AskError({ code: 'NOT_OFFERED', message: 'The product has no address for this place.' });
      return url;
    },
    async openModal(p) {
      const { resource, size, context, closeOnEscape, closeOnOverlayClick, title } = taken(p, { resource: 'string', size: 'json', context: 'json', closeOnEscape: 'boolean', closeOnOverlayClick: 'boolean', title: 'string' });
      return { id: await openDialog({ what: 'modal', resource, size, context, escape: closeOnEscape, overlay: closeOnOverlayClick, title }) };
    },
    async showFlag(p) {
      const f = taken(p, { id: 'json', title: 'string', description: 'string', type: 'string', appearance: 'string', isAutoDismiss: 'boolean', actions: 'json' });
      if (f.id === undefined || ++flags > 200) throw invalid('A flag has an id.');
      const actions = (Array.isArray(f.actions) ? f.actions : []).slice(0, 3).map((a) => ({ text: String(a?.text ?? '') }));
      return shell.ask({ kind: 'flag', flag: { id: String(f.id).slice(0, 200), title: f.title ?? '', description: f.description ?? '', type: f.type ?? f.appearance ?? 'info', auto: f.isAutoDismiss === true, actions } });
    },
    closeFlag: async (p) => shell.ask({ kind: 'closeFlag', flag: String(p?.id ?? '').slice(0, 200) }),
    on: async () => true,
    async emit(p) {
      if (typeof p?.event !== 'string' || p.event.length > 200 || p.event.startsWith('annex:')) throw invalid('The name of the event is a text.');
      const payload = JSON.parse(textOf(p.payload, maxPayload));
      events.postMessage({ annex: 'event', name: p.event, payload });
      frame.event('event', { kind: 'on', name: p.event, payload });
    },
    changeWindowTitle: async (title) => { shell.tell({ kind: 'windowTitle', title: String(title).slice(0, 500) }); },
    emitReadyEvent: async () => true,
    isRovoEnabled: async () => false,
    permissions: async (p) => permission(String(p?.command ?? ''), p?.payload),
    // The names by which bridges of apps call the same.
    __permission__egressGet: permit('egress.get'),
    __permission__egressSet: permit('egress.set'),
    __permission__egressDeleteDomain: permit('egress.deleteDomain'),
    __permission__egressDeleteGroup: permit('egress.deleteGroup'),
    __permission__remoteGet: permit('remote.get'),
    __permission__remoteSet: permit('remote.set'),
  }));

  return {
    attach(f) { frame = f; },
    async run(command, payload) {
      const act = all.get(command);
      if (!act) throw notOffered(command);
      return act(payload);
    },
    /** frame is an element with another resource of the app in it, soon. */
    frame(resource) {
      const { origin } = facts;
      const holder = el('div', { class: 'holder' });
      const root = holder.attachShadow({ mode: 'closed' });
      root.adoptedStyleSheets = [css(':host{display:block}iframe{display:block;width:100%;border:0;height:160px}')];
      const inner = el('iframe', { title: String(resource), sandbox: 'allow-scripts allow-forms allow-same-origin', referrerpolicy: 'no-referrer' });
      const own = makeCommands({ state, shell, consent, connect });
      let port;
      addEventListener('message', (e) => {
        if (e.source !== inner.contentWindow || e.origin !== origin || e.data?.annex !== 'hello') return;
        port?.close();
        const channel = new MessageChannel();
        port = channel.port1;
        port.onmessage = async ({ data }) => {
          if (!Number.isSafeInteger(data?.id) || typeof data.command !== 'string') return;
          try {
            channel.port1.postMessage({ id: data.id, result: await own.run(data.command, data.payload) });
          } catch (e2) {
            channel.port1.postMessage({ id: data.id, error: e2.wire?.() ?? { name: 'Error', message: 'Error', code: 'INTERNAL' } });
          }
        };
        inner.contentWindow.postMessage({ annex: 'port' }, origin, [channel.port2]);
      });
      own.attach({
        resize: (h) => { inner.style.height = `${Math.min(Math.max(Math.ceil(h), 24), 8000)}px`; },
        reload: () => void open(),
        event: (event, p) => port?.postMessage({ event, payload: p }),
      });
      const open = async () => {
        try {
          inner.src = (await ask('document', { module: facts.module, resource: String(resource) })).url;
        } catch { /* an empty frame: what it would show is not there */ }
      };
      root.append(inner);
      void open();
      return holder;
    },
  };
}
