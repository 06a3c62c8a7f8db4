// How high a document is, for the page around it.

const pause = 100;

/**
 * watchHeight calls look whenever the element may have another height. A browser draws no frame
 * of another site that is out of sight, and until it does its ResizeObservers hear nothing: what
 * is changed in the document, or comes into it, is looked at too, a moment later.
 */
export function watchHeight(element, look) {
  new ResizeObserver(look).observe(element);
  let soon = 0;
  const later = () => {
    soon ||= setTimeout(() => {
      soon = 0;
      look();
    }, pause);
  };
  new MutationObserver(later).observe(element, { childList: true, subtree: true, characterData: true, attributes: true });
  // Pictures and styles that come, and what opens and closes by itself.
  for (const type of ['load', 'error', 'toggle']) element.addEventListener(type, later, true);
  addEventListener('load', later);
  look();
}
