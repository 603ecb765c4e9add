import type { ComponentChildren, VNode } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  readonly title: ComponentChildren;
  /** One line below the title. */
  readonly about?: ComponentChildren;
  /** `drawer`: details of one item, beside the page. */
  readonly kind?: 'wide' | 'drawer';
  readonly onClose: () => void;
  /** Makes the content a form, with a button to cancel. */
  readonly form?: {
    readonly onSubmit: (event: Event) => void;
    /** What the button says that sends it. Undefined: it cannot be sent. */
    readonly send: string | undefined;
    readonly busy: boolean;
    /** Whether it refuses or ends something. */
    readonly isStop?: boolean;
    /** Default: the form is sent by its button and by Enter. */
    readonly onSend?: () => void;
    readonly cancel?: string;
  };
  readonly children: ComponentChildren;
  /** Links at the foot, or buttons before those of the form. */
  readonly actions?: ComponentChildren;
}

/** A button that opens a dialog. */
export function DialogButton(props: {
  readonly class?: string | undefined;
  /** Without its button, a dialog that is open stays. */
  readonly isOffered?: boolean;
  readonly dialog: (onClose: () => void) => VNode;
  readonly children: ComponentChildren;
}) {
  const { class: name, isOffered = true, dialog, children } = props;
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      {isOffered ? (
        <button type="button" class={name} aria-haspopup="dialog" onClick={() => setOpen(true)}>
          {children}
        </button>
      ) : null}
      {isOpen ? dialog(() => setOpen(false)) : null}
    </>
  );
}

/**
 * Asks or shows something before the page. The browser keeps the focus inside, closes it on Escape, and returns the focus
 * to where it was. Reading begins at the title, not at the button that closes it.
 */
export function Dialog({ title, about, kind, onClose, form, children, actions }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const titleId = useId();
  // Before painting, so that no key that is pressed in between is lost.
  useLayoutEffect(() => {
    dialog.current?.showModal();
    heading.current?.focus();
  }, []);
  const close = (): void => dialog.current?.close();
  const footer =
    form === undefined ? (
      actions
    ) : (
      <>
        {actions}
        <button type="button" onClick={close}>
          {form.cancel ?? 'Cancel'}
        </button>
        {form.send === undefined ? null : (
          <button
            type={form.onSend === undefined ? 'submit' : 'button'}
            class={form.isStop === true ? 'stop' : 'primary'}
            aria-disabled={form.busy}
            onClick={form.onSend}
          >
            {form.send}
          </button>
        )}
      </>
    );
  const content = (
    <>
      <header>
        <div>
          <h2 id={titleId} ref={heading} tabIndex={-1}>
            {title}
          </h2>
          {about === undefined ? null : <div class="quiet">{about}</div>}
        </div>
        <button type="button" class="bare s" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="in">{children}</div>
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
        if (form === undefined && event.target === dialog.current) close();
      }}
    >
      {form === undefined ? (
        <div class="body">{content}</div>
      ) : (
        <form onSubmit={form.onSubmit} noValidate>
          {content}
        </form>
      )}
    </dialog>
  );
}
