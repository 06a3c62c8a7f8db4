// A button that grants something counts only for a press that a person meant: one that began
// on it, by that person's own hand, after it had stood there, in sight and unchanged, for a
// while. Whatever moved, covered or swapped the page meanwhile starts the wait again.

/**
 * arm guards a button and gives `{ reset, hold }`. hold(name, on) keeps it from counting while
 * anything is held; steady says that losing the focus, the size or the sight of the page
 * starts the wait again. Places whose sight matters are given as seen: where the browser can tell
 * whether something lies over them, the button waits until nothing does.
 */
export function arm(button, press, { wait = 1000, seen = [], steady = true, changed = () => {} } = {}) {
  const holds = new Set();
  let since = performance.now();
  let timer;
  let asleep = performance.now(); // since when the button does not count
  let began = null; // what the press that is under way began with
  const keys = new Set();

  const ready = () => holds.size === 0 && (!steady || (document.visibilityState === 'visible' && document.hasFocus())) && performance.now() - since >= wait;
  const show = () => {
    const on = ready();
    if (on) button.removeAttribute('aria-disabled');
    else button.setAttribute('aria-disabled', 'true');
    if (on) asleep = performance.now();
    changed([...holds], performance.now() - asleep);
  };
  function reset() {
    since = performance.now();
    began = null;
    clearTimeout(timer);
    timer = setTimeout(show, wait + 1);
    show();
  }
  function hold(name, on) {
    if (on === holds.has(name)) return;
    if (on) holds.add(name);
    else holds.delete(name);
    reset();
  }

  if (steady) {
    for (const type of ['blur', 'focus', 'resize', 'pageshow']) addEventListener(type, (e) => { if (e.target === window) reset(); });
    document.addEventListener('visibilitychange', reset);
  }
  // A key that is down before the page has it arrives as a repeated one: it began elsewhere.
  addEventListener('keydown', (e) => { keys.add(e.code); }, true);
  addEventListener('keyup', (e) => { setTimeout(() => keys.delete(e.code)); }, true);
  addEventListener('blur', () => keys.clear());

  button.addEventListener('pointerdown', (e) => { began = e.isTrusted && e.isPrimary && e.button === 0 && ready() ? 'pointer' : null; });
  button.addEventListener('pointerleave', () => { if (began === 'pointer') began = null; });
  button.addEventListener('pointercancel', () => { began = null; });
  button.addEventListener('keydown', (e) => { if (!e.repeat) began = e.isTrusted && ready() ? 'key' : null; });
  button.addEventListener('click', (e) => {
    const with_ = began;
    began = null;
    e.preventDefault();
    if (!e.isTrusted || !ready()) return;
    // A screen reader or a voice presses without pointer and key. No page can do that to
    // another: a script's click is not trusted.
    const assisted = e.detail === 0 && keys.size === 0 && !e.pointerType;
    if (with_ === null && !assisted) return;
    if (with_ === 'key' && e.detail !== 0) return;
    press();
  });

  // Where the browser says what is really seen (IntersectionObserver v2), being covered,
  // faded, moved or scaled by whoever frames the page counts as not seen.
  if ('isVisible' in IntersectionObserverEntry.prototype && seen.length) {
    const unseen = new Set(seen);
    hold('covered', true);
    const eye = new IntersectionObserver((entries) => {
      for (const e of entries) {
        if (e.isVisible && e.intersectionRatio > 0.98) unseen.delete(e.target);
        else unseen.add(e.target);
      }
      hold('covered', unseen.size > 0);
    }, { threshold: [0, 0.5, 0.98, 1], trackVisibility: true, delay: 100 });
    for (const node of seen) eye.observe(node);
  }
  reset();
  return { reset, hold };
}
