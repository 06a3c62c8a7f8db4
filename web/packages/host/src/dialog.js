// One dialog: a resource of an app, or a question of the platform's.
import { ask, session, useSession, whenExpired } from './ask.js';
import { clean, el } from './small.js';
import { nest } from './nest.js';
import { wear } from './relay.js';
import { failure, say, speak } from './texts.js';

/** armed makes a button that counts only after it has been in sight for a moment, for a press
 * that began on it: nobody is made to press it by what lay there a moment ago. */
export function armed(button, ms = 800) {
  let at = 0;
  const disarm = () => {
    at = performance.now();
    button.setAttribute('aria-disabled', 'true');
    setTimeout(() => { if (performance.now() - at >= ms - 5) button.removeAttribute('aria-disabled'); }, ms);
  };
  disarm();
  for (const type of ['blur', 'focus', 'resize']) addEventListener(type, disarm);
  document.addEventListener('visibilitychange', disarm);
  let began = false;
  button.addEventListener('pointerdown', (e) => { began = e.isTrusted && performance.now() - at >= ms; });
  button.addEventListener('keydown', (e) => { began = e.isTrusted && !e.repeat && performance.now() - at >= ms; });
  button.addEventListener('click', (e) => {
    if (e.isTrusted && began) return;
    e.preventDefault();
    e.stopImmediatePropagation();
  }, true);
  return button;
}

export function runDialog({ facts, given, port }) {
  const main = document.getElementById('apps');
  const channel = new BroadcastChannel(`annex-dialog-${given.id}`);
  const tell = (m) => channel.postMessage({ ...m, to: 'opener' });
  let shown;
  let closing = () => end();

  const end = (payload) => {
    tell({ kind: 'ended', payload });
    channel.close();
    port.postMessage({ kind: 'end' });
  };
  port.onmessage = ({ data }) => { if (data?.kind === 'closing') closing(data.reason); };
  channel.onmessage = ({ data: m }) => {
    if (m?.to !== 'dialog') return;
    if (m.kind === 'show' && !shown) show(m);
    if (m.kind === 'session') { useSession(m.session); shown?.post({ kind: 'session', session: m.session }); }
    if (m.kind === 'relayed') shown?.post(m.answer);
  };
  addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && !e.defaultPrevented) closing('escape');
  });
  tell({ kind: 'begin' });

  function show({ session: secret, dialog, locale }) {
    useSession(secret);
    speak(locale);
    whenExpired(() => tell({ kind: 'relay', message: { kind: 'expired' } }));
    main.removeAttribute('aria-busy');
    if (dialog.what === 'link') link(dialog);
    else modal(dialog);
  }

  // link asks before another site is opened: what counts is the part of its name that
  // somebody had to register, in letters that cannot look like others.
  function link({ module, host, registrable, url, title }) {
    document.body.classList.add('prompt');
    const lead = host.slice(0, host.length - registrable.length);
    const stay = el('button', { type: 'button', onclick: () => end(false) }, say('cancel'));
    const go = armed(el('a', { class: 'button primary', href: url, target: '_blank', rel: 'noopener noreferrer', onclick: () => setTimeout(() => end(true)) }, say('linkGo', { host: registrable })));
    main.replaceChildren(el('h1', {}, say('linkTitle')), el('p', {}, say('linkText', { app: module.app })),
      el('p', { class: 'host', dir: 'ltr' }, lead, el('strong', {}, registrable)),
      el('details', {}, el('summary', {}, say('linkWhole')), el('code', { dir: 'ltr' }, url)),
      el('div', { class: 'actions' }, stay, go));
    stay.focus();
    new ResizeObserver(() => port.postMessage({ kind: 'height', height: document.body.scrollHeight })).observe(document.body);
  }

  function modal(dialog) {
    document.body.classList.add('modal');
    const { module } = dialog;
    let held = false; // the app wants to know before it is closed
    const close = el('button', { class: 'x', type: 'button', 'aria-label': say('close'), onclick: () => closing('button') }, '✕');
    shown = nest({
      module: { ...module, title: dialog.title || module.title, size: undefined }, resource: dialog.resource, theme: document.documentElement.dataset.theme, session, full: true,
      given: { page: dialog.page, modal: dialog.context ?? {}, dialog: true }, hear,
    });
    closing = (reason) => {
      if (reason !== 'button' && dialog.escape === false && reason === 'escape') return;
      if (!held) return end();
      held = false; // a second press ends it, whatever the app does
      shown.post({ kind: 'closing' });
      setTimeout(() => end(), 3000);
    };
    main.replaceChildren(el('header', {}, el('h1', {}, clean(dialog.title || module.title, 120)), el('span', { class: 'from' }, say('by', { app: module.app })), close), shown.element);
    function hear(msg) {
      const answer = (result) => msg.id !== undefined && shown.post({ kind: 'answer', id: msg.id, result });
      if (msg.kind === 'close' || msg.kind === 'submit') { answer(true); end(msg.value); }
      else if (msg.kind === 'closed') end();
      else if (msg.kind === 'holds') held = true;
      else if (msg.kind === 'escape') closing('escape');
      else if (msg.kind === 'reopen') void shown.open();
      else if (msg.kind === 'failed') main.append(el('div', { class: 'state', role: 'alert' }, el('strong', {}, failure(msg.error, module.title)), el('p', {}, msg.error?.message ?? '')));
      else if (msg.kind === 'ready') shown.focus();
      else if (msg.kind !== 'height') tell({ kind: 'relay', message: msg });
    }
  }
  wear(given.theme);
}
