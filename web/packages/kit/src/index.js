// mount draws a UI Kit tree into an element and keeps it up to date.
import { h, render } from 'preact';
import { KitContext, Node } from './base.jsx';
import './components.js';
import { Kit } from './kit.js';
import { text } from './safe.js';
import { say } from './texts.js';

export function mount(element, options) {
  const kit = new Kit(element, options);
  element.classList.add('k-root');
  if (options.locale) element.lang = options.locale;
  theme(element, options.theme);
  let trouble = null;
  kit.draw = () => {
    // A tree that is sent again, by the same session or by the one after it, keeps its elements.
    const key = kit.tree.root;
    render(h(KitContext.Provider, { value: kit }, trouble && h(Trouble, { error: trouble, again: options.again, locale: kit.locale }), key !== null && h(Node, { k: key, key })), element);
  };
  return {
    apply(message) {
      if (!message || typeof message !== 'object') return;
      try {
        if (message.tree) {
          kit.tree.load(message.tree);
          trouble = null;
          kit.redraw();
        } else if (message.patches) {
          kit.redraw(kit.tree.patch(message.patches));
          if (trouble) kit.redraw();
          trouble = null;
        }
      } catch (error) {
        if (error.name !== 'TreeError') throw error;
        // The stream and this tree have parted: the shell asks for the whole tree.
        options.desync?.(error);
        return;
      }
      if (message.idle) kit.handled(Number(message.event) || 0, message.open);
      if (message.theme) theme(element, message.theme);
      if (message.error) {
        trouble = message.error;
        kit.redraw();
      }
      if (message.error || message.restarted) kit.lost();
    },
    /** lost says that the session ended: nothing waits for its answers. */
    lost() {
      kit.lost();
    },
    /** sendAll sends what was entered and waits for its turn: the page goes away. */
    sendAll() {
      kit.sendAll();
    },
    theme(name) {
      theme(element, name);
    },
    destroy() {
      render(null, element);
      kit.destroy();
      element.classList.remove('k-root', 'k-room');
    },
  };
}

/** Trouble says that the app failed; what it drew before stays. */
function Trouble({ error, again, locale }) {
  const lines = [text(error.message), text(error.fix)].filter(Boolean);
  return h('div', { class: 'k-message k-danger k-trouble', role: 'alert' }, h('div', null,
    h('strong', null, say(locale, error.gone ? 'stopped' : 'failed')), lines.map((said) => h('p', { key: said }, said.slice(0, 1000))),
    again && h('button', { type: 'button', class: 'k-button k-again', onClick: () => again.run() }, again.label)));
}

function theme(element, value) {
  const mode = typeof value === 'object' ? value?.colorMode : value;
  if (mode === 'dark' || mode === 'light') element.dataset.theme = mode;
  else delete element.dataset.theme;
}
