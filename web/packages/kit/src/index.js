// mount draws a UI Kit tree into an element and keeps it up to date.
import { h, render } from 'preact';
import { KitContext, Node } from './base.jsx';
import './components.js';
import { Kit } from './kit.js';

export function mount(element, options) {
  const kit = new Kit(element, options);
  element.classList.add('k-root');
  if (options.locale) element.lang = options.locale;
  theme(element, options.theme);
  kit.draw = () => {
    // A tree of another session is drawn from nothing; the same tree, sent again, keeps its elements.
    const key = kit.tree.root;
    render(key === null ? null : h(KitContext.Provider, { value: kit }, h(Node, { k: key, key })), element);
  };
  return {
    apply(message) {
      if (!message || typeof message !== 'object') return;
      try {
        if (message.tree) {
          kit.tree.load(message.tree);
          kit.redraw();
        } else if (message.patches) {
          kit.redraw(kit.tree.patch(message.patches));
        }
      } catch (error) {
        if (error.name !== 'TreeError') throw error;
        // The stream and this tree have parted: the shell asks for the whole tree.
        options.desync?.(error);
        return;
      }
      if (message.idle) kit.handled(Number(message.event) || 0);
      if (message.error) kit.lost();
    },
    /** lost says that the session ended: nothing waits for its answers. */
    lost() {
      kit.lost();
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

function theme(element, value) {
  const mode = typeof value === 'object' ? value?.colorMode : value;
  if (mode === 'dark' || mode === 'light') element.dataset.theme = mode;
  else delete element.dataset.theme;
}
