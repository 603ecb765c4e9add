import { useEffect, useRef } from 'preact/hooks';

/** Loads the next page of a list. After the last page, the focus moves to the text that replaces the button. */
export function MoreButton(props: {
  readonly text: string;
  readonly busy: boolean;
  /** Undefined: there is no further page. */
  readonly onMore: (() => void) | undefined;
  /** What stands below the last page. */
  readonly end: string | undefined;
}) {
  const { text, busy, onMore, end } = props;
  const last = useRef<HTMLParagraphElement>(null);
  const isPressed = useRef(false);
  useEffect(() => {
    if (busy || !isPressed.current) return;
    isPressed.current = false;
    last.current?.focus();
  }, [busy]);
  if (onMore === undefined)
    return end === undefined ? null : (
      <p ref={last} class="quiet" tabIndex={-1}>
        {end}
      </p>
    );
  const press = (): void => {
    if (busy) return;
    isPressed.current = true;
    onMore();
  };
  return (
    <button type="button" aria-disabled={busy} onClick={press}>
      {text}
    </button>
  );
}
