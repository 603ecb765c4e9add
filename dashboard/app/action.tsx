import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api-failure.ts';

interface Action {
  readonly busy: boolean;
  /** Does nothing while an earlier call is in progress. */
  readonly run: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Runs API calls for a button, one at a time: a double click must not start a second run over all tenants.
 * @param onFailure receives the failure of a call. It receives `undefined` when a call starts, to clear an earlier failure.
 */
export function useAction(onFailure: (failure: ApiFailure | undefined) => void): Action {
  const [busy, setBusy] = useState(false);
  /** Same as `busy`, but changes before the next render. */
  const inProgress = useRef(false);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (inProgress.current) return;
    inProgress.current = true;
    setBusy(true);
    onFailure(undefined);
    try {
      await work();
    } catch (thrown) {
      onFailure(thrown as ApiFailure);
    } finally {
      inProgress.current = false;
      setBusy(false);
    }
  };
  return { busy, run };
}

/** Uses `aria-disabled` while busy, because `disabled` would lose the keyboard focus. */
export function ActionButton(props: {
  readonly work: () => Promise<void>;
  readonly onFailure: (failure: ApiFailure | undefined) => void;
  /** The action has been carried out and is not offered again. */
  readonly done?: boolean;
  readonly primary?: boolean;
  readonly children: ComponentChildren;
}) {
  const { work, onFailure, done = false, primary = false, children } = props;
  const { busy, run } = useAction(onFailure);
  const press = (): void => {
    if (!done) void run(work);
  };
  return (
    <button type="button" class={primary ? 'primary' : undefined} aria-disabled={busy || done} onClick={press}>
      {children}
    </button>
  );
}
