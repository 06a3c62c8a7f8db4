// What lies over the rest: dialogs, popups, tooltips. All are in the browser's top layer,
// so that nothing clips them and nothing in the tree can lie over them.
import { autoUpdate, computePosition, flip, offset, shift, size } from '@floating-ui/dom';
import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Any, Children, fn, shown, useKit, useOwnId, usePending } from '../base.jsx';
import { oneOf, text } from '../safe.js';
import { Icon } from './icons.jsx';

const PLACEMENTS = ['top', 'top-start', 'top-end', 'bottom', 'bottom-start', 'bottom-end', 'left', 'left-start', 'left-end', 'right', 'right-start', 'right-end'];

/** useFloating keeps an element beside its anchor while it is open. */
export function useFloating(open, anchor, floating, placement, fit) {
  useLayoutEffect(() => {
    const el = floating.current;
    const from = anchor.current?.classList.contains('k-contents') ? anchor.current.firstElementChild : anchor.current;
    if (!open || !el || !from) return;
    el.showPopover();
    const give = makeRoom(from, el);
    const stop = autoUpdate(from, el, async () => {
      give();
      const { x, y } = await computePosition(from, el, {
        strategy: 'fixed', placement,
        middleware: [offset(6), flip({ padding: 8 }), shift({ padding: 8 }), size({
          padding: 8,
          apply({ availableHeight, rects }) {
            el.style.maxHeight = `${Math.max(96, Math.min(availableHeight, 384))}px`;
            if (fit) el.style.minWidth = `${Math.min(rects.reference.width, innerWidth - 16)}px`;
          },
        })],
      });
      el.style.left = `${Math.round(x)}px`;
      el.style.top = `${Math.round(y)}px`;
    });
    return () => {
      stop();
      give.end();
      if (el.isConnected && el.matches(':popover-open')) el.hidePopover();
    };
  }, [open, placement]);
}

// makeRoom lets a view grow while a list or a popup is open that would not fit below its
// anchor: a panel's frame is as high as what is in it, and nothing is seen beyond it.
function makeRoom(from, el) {
  const root = from.closest('.k-root');
  const give = () => {
    if (!root || el.classList.contains('k-tooltip')) return;
    const wanted = from.getBoundingClientRect().bottom - root.getBoundingClientRect().top + Math.min(el.scrollHeight, 384) + 24;
    if (wanted > innerHeight && wanted > (Number.parseFloat(root.style.minHeight) || 0)) root.style.minHeight = `${Math.ceil(wanted)}px`;
  };
  give.end = () => { if (root) root.style.minHeight = ''; };
  return give;
}

const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled]), select, textarea, [tabindex]';

export function Tooltip({ node, props }) {
  const id = useOwnId();
  const anchor = useRef(null);
  const tip = useRef(null);
  const [open, set] = useState(false);
  const content = shown(props.content) ? props.content : props.text;
  useFloating(open && shown(content), anchor, tip, oneOf(props.position, PLACEMENTS, 'bottom'));
  // What has the tip can be reached without a mouse, and names it.
  useEffect(() => {
    const el = anchor.current;
    if (!el || !shown(content)) return;
    const inside = el.querySelector(FOCUSABLE);
    const target = inside ?? el;
    if (!inside) el.tabIndex = 0;
    target.setAttribute('aria-describedby', [target.getAttribute('aria-describedby'), id].filter(Boolean).join(' '));
    return () => {
      if (!inside) el.removeAttribute('tabindex');
      target.setAttribute('aria-describedby', (target.getAttribute('aria-describedby') ?? '').split(' ').filter((i) => i !== id).join(' '));
      if (!target.getAttribute('aria-describedby')) target.removeAttribute('aria-describedby');
    };
  });
  const timer = useRef(0);
  const later = (on, ms) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set(on), ms);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <>
      <span ref={anchor} class="k-tip" role={useContext(TipRole)} onPointerEnter={() => later(true, 250)} onPointerLeave={() => later(false, 100)} onFocusIn={() => set(true)} onFocusOut={() => set(false)}
        onKeyDown={(e) => { if (e.key === 'Escape' && open) { e.stopPropagation(); set(false); } }}>
        <Children node={node} />
      </span>
      {shown(content) && <span ref={tip} id={id} role="tooltip" popover="manual" class="k-tooltip" onPointerEnter={() => later(true, 0)} onPointerLeave={() => later(false, 100)}><Any value={content} /></span>}
    </>
  );
}

/** TipRole is the role of a tooltip's wrapper where the place demands one. */
export const TipRole = createContext(undefined);

export function Popup({ node, props }) {
  const kit = useKit();
  const anchor = useRef(null);
  const panel = useRef(null);
  const [, run] = usePending();
  const parts = (type) => node.children.filter((c) => kit.tree.get(c)?.type === type);
  const open = props.isOpen === true;
  useFloating(open, anchor, panel, oneOf(props.placement, PLACEMENTS, 'bottom-start'));
  const close = () => fn(props.onClose) && run(props.onClose, [{ type: 'close' }]);
  useEffect(() => {
    if (!open) return;
    const doc = kit.document;
    const away = (e) => { if (!panel.current?.contains(e.target) && !anchor.current?.contains(e.target)) close(); };
    const escape = (e) => { if (e.key === 'Escape') close(); };
    doc.addEventListener('pointerdown', away);
    doc.addEventListener('keydown', escape);
    if (props.autoFocus !== false) panel.current?.querySelector(FOCUSABLE)?.focus();
    return () => {
      doc.removeEventListener('pointerdown', away);
      doc.removeEventListener('keydown', escape);
    };
  }, [open]);
  const trigger = shown(props.trigger) ? <Any value={props.trigger} /> : parts('PopupTrigger').length ? <Children node={{ children: parts('PopupTrigger') }} />
    : <Children node={{ children: node.children.filter((c) => kit.tree.get(c)?.type !== 'PopupContent') }} />;
  return (
    <>
      <span class="k-tip" ref={anchor}>{trigger}</span>
      <div ref={panel} popover="manual" class="k-popup" role={oneOf(props.role, ['dialog', 'menu', 'listbox'], 'dialog') === 'dialog' ? 'dialog' : undefined} aria-label={text(props.label) || text(props.titleId) || kit.say('popup')}>
        {open && (shown(props.content) ? <Any value={props.content} /> : <Children node={{ children: parts('PopupContent') }} />)}
      </div>
    </>
  );
}

const WIDTHS = { small: '400px', medium: '600px', large: '800px', 'x-large': '968px', xlarge: '968px' };
const ModalTitleId = createContext(undefined);

/** Modal is a dialog over the app's frame; closing it is the app's decision. */
export function Modal({ node, props }) {
  const kit = useKit();
  const ref = useRef(null);
  const title = useOwnId();
  const [, run] = usePending();
  useLayoutEffect(() => {
    const el = ref.current;
    el.showModal();
    kit.modal(true);
    return () => {
      if (el.open) el.close();
      kit.modal(false);
    };
  }, []);
  const close = () => fn(props.onClose) && run(props.onClose, [{ type: 'close' }]);
  const header = text(props.header) || text(props.title);
  const named = header !== '' || kit.tree.find(node.key, ['ModalTitle']).length > 0;
  const wanted = text(props.size) || text(props.width);
  return (
    <dialog ref={ref} class="k-modal" aria-labelledby={named ? title : undefined} aria-label={named ? undefined : text(props.label) || kit.say('dialog')}
      style={{ '--k-width': Object.hasOwn(WIDTHS, wanted) ? WIDTHS[wanted] : typeof props.width === 'number' ? `${Math.min(2000, Math.max(200, props.width))}px` : undefined }}
      onCancel={(e) => { e.preventDefault(); if (props.shouldCloseOnEscapePress !== false) close(); }}
      onMouseDown={(e) => { if (e.target === ref.current && props.shouldCloseOnOverlayClick !== false) close(); }}>
      <div class="k-modal-box">
        <ModalTitleId.Provider value={title}>
          {header && <header class="k-modal-header"><h2 class="k-heading k-heading-medium" id={title}>{header}</h2></header>}
          {node.type === 'ModalDialog' ? (
            <>
              <div class="k-modal-body k-stack"><Children node={node} /></div>
              <footer class="k-modal-footer k-buttons">
                <Any value={props.appendButtons} />
                <button type="button" class="k-button" onClick={close}>{text(props.closeButtonText) || kit.say('close')}</button>
              </footer>
            </>
          ) : <Children node={node} />}
        </ModalTitleId.Provider>
      </div>
    </dialog>
  );
}

export function ModalHeader({ node }) {
  return <header class="k-modal-header"><Children node={node} /></header>;
}

export function ModalTitle({ node, props }) {
  const kit = useKit();
  const look = oneOf(props.appearance, ['warning', 'danger'], undefined);
  return <h2 class="k-heading k-heading-medium" id={useContext(ModalTitleId)}>{look && <span class={`k-inked-${look}`}><Icon name={look === 'danger' ? 'error' : 'warning'} label={kit.say(look)} size={20} /></span>} <Children node={node} /></h2>;
}

export const ModalBody = ({ node }) => <div class="k-modal-body"><Children node={node} /></div>;
export const ModalFooter = ({ node }) => <footer class="k-modal-footer k-buttons"><Children node={node} /></footer>;

/** InlineDialog of the older kit: a popup that its children open. */
export function InlineDialog({ node, props }) {
  const kit = useKit();
  const anchor = useRef(null);
  const panel = useRef(null);
  const [open, set] = useState(false);
  useFloating(open, anchor, panel, 'bottom-start');
  return (
    <>
      <span class="k-tip" ref={anchor} onClick={() => set((o) => !o)}><Children node={node} /></span>
      <div ref={panel} popover="manual" class="k-popup" role="dialog" aria-label={kit.say('more')} onKeyDown={(e) => { if (e.key === 'Escape') set(false); }}>{open && <Any value={props.content} />}</div>
    </>
  );
}
