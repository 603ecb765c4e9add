import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api.ts';

export interface Action {
  readonly busy: boolean;
  /** Passes over `work` while earlier work is under way. */
  readonly attempt: (work: () => Promise<void>) => Promise<void>;
}

/**
 * What a button does at the API, once at a time: a double click must not start a second run over all tenants.
 * @param onFailure is told `undefined` when work begins, for a failure before it is none of its own.
 */
export function useAction(onFailure: (failure: ApiFailure | undefined) => void): Action {
  const [busy, setBusy] = useState(false);
  /** As `busy`, without waiting for the page to be drawn. */
  const underWay = useRef(false);
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    if (underWay.current) return;
    underWay.current = true;
    setBusy(true);
    onFailure(undefined);
    try {
      await work();
    } catch (thrown) {
      onFailure(thrown as ApiFailure);
    } finally {
      underWay.current = false;
      setBusy(false);
    }
  };
  return { busy, attempt };
}

/** Keeps the focus while it cannot be pressed, which `disabled` would drop. */
export function ActionButton(props: {
  readonly work: () => Promise<void>;
  readonly onFailure: (failure: ApiFailure | undefined) => void;
  /** There is nothing left to do. */
  readonly done?: boolean;
  readonly primary?: boolean;
  readonly children: ComponentChildren;
}) {
  const { work, onFailure, done = false, primary = false, children } = props;
  const { busy, attempt } = useAction(onFailure);
  const press = (): void => {
    if (!done) void attempt(work);
  };
  return (
    <button type="button" class={primary ? 'primary' : undefined} aria-disabled={busy || done} onClick={press}>
      {children}
    </button>
  );
}
