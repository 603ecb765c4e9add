import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  readonly title: ComponentChildren;
  /** One line below the title. */
  readonly about?: ComponentChildren;
  /** `drawer`: details of one item, beside the page. */
  readonly kind?: 'wide' | 'drawer';
  readonly onClose: () => void;
  /** Makes the content a form. */
  readonly onSubmit?: (event: Event) => void;
  /** @param close closes it, after which `onClose` is called. */
  readonly children: (close: () => void) => ComponentChildren;
  readonly actions?: (close: () => void) => ComponentChildren;
}

/**
 * Asks or shows something before the page. The browser keeps the focus inside, closes it on Escape, and returns the focus
 * to where it was.
 */
export function Dialog({ title, about, kind, onClose, onSubmit, children, actions }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Before painting, so that no key that is pressed in between is lost.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const close = (): void => dialog.current?.close();
  const footer = actions?.(close);
  const content = (
    <>
      <header>
        <div>
          <h2 id={titleId}>{title}</h2>
          {about === undefined ? null : <div class="quiet">{about}</div>}
        </div>
        <button type="button" class="bare s" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="in">{children(close)}</div>
      {footer === undefined || footer === null ? null : <footer>{footer}</footer>}
    </>
  );
  return (
    <dialog
      ref={dialog}
      class={kind ?? 'dialog'}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        // A form keeps what was typed. Elsewhere a click on what surrounds the dialog closes it.
        if (onSubmit === undefined && event.target === dialog.current) close();
      }}
    >
      {onSubmit === undefined ? (
        <div class="body">{content}</div>
      ) : (
        <form onSubmit={onSubmit} noValidate>
          {content}
        </form>
      )}
    </dialog>
  );
}
