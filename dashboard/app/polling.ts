import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api.ts';

export interface Polled<T> {
  readonly value: T | undefined;
  readonly failure: ApiFailure | undefined;
  /** Asks at once. */
  readonly reload: () => void;
}

/** A slow answer must not make the page ask more than a tenth of the time. */
const share = 10;

/** Nor may one that took minutes, such as a gateway's timeout, leave the page behind for an hour. */
const longestPauseMs = 60_000;

/** After a failure, where nothing is repeated otherwise. */
const retryMs = 5_000;

/**
 * Asks again and again, while the page is visible, with a pause of `everyMs` or ten times what the answer took,
 * a minute at most. The last value stays while a request fails. `undefined` for `everyMs` stops the repetition once a
 * request has succeeded.
 */
export function usePolling<T>(load: () => Promise<T>, key: string, everyMs: number | undefined): Polled<T> {
  const [state, setState] = useState<{ key: string; value?: T; failure?: ApiFailure }>({ key });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      const startedMs = performance.now();
      let pauseMs = everyMs;
      try {
        const value = await latest.current();
        if (!stopped) setState({ key, value });
        const slowMs = Math.min(longestPauseMs, share * (performance.now() - startedMs));
        if (pauseMs !== undefined) pauseMs = Math.max(pauseMs, slowMs);
      } catch (failure) {
        if (!stopped) setState((known) => ({ ...known, key, failure: failure as ApiFailure }));
        pauseMs ??= retryMs;
      }
      if (stopped || pauseMs === undefined) return;
      timer = setTimeout(waitUntilVisible, pauseMs);
    };
    const waitUntilVisible = (): void => {
      if (document.hidden) document.addEventListener('visibilitychange', waitUntilVisible, { once: true });
      else void ask();
    };
    void ask();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', waitUntilVisible);
    };
  }, [key, everyMs, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  const current = state.key === key;
  return { value: current ? state.value : undefined, failure: current ? state.failure : undefined, reload };
}
