import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

/**
 * Details of one item, beside the page. The browser keeps the focus inside, closes it on Escape, and returns the focus to
 * where it was.
 */
export function Drawer(props: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const { title, onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      class="drawer"
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        // The part of the dialog that is not covered by its content is what surrounds it.
        if (event.target === dialog.current) close();
      }}
    >
      <div class="drawer-body">
        <div class="title-row">
          <h3 id={titleId}>{title}</h3>
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
