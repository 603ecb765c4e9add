import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api-failure.ts';

export interface Polled<T> {
  readonly value: T | undefined;
  readonly failure: ApiFailure | undefined;
  /** Requests the value immediately. */
  readonly reload: () => void;
}

/** The pause after a request is at least this multiple of its duration, to spare a slow broker. */
const pauseFactor = 10;

/** Upper limit for that pause: a request that took minutes, such as a gateway timeout, must not stop updates for an hour. */
const maxPauseMs = 60_000;

/** Pause after a failure if there is no interval. */
const retryMs = 5_000;

/**
 * Calls `load` repeatedly while the page is visible. The pause is `intervalMs`, or ten times the duration of the last
 * request up to one minute, whichever is longer. The last value stays while requests fail.
 * @param key identifies what is loaded. A new key discards the old value.
 * @param intervalMs undefined stops after the first successful request.
 */
export function usePolling<T>(load: () => Promise<T>, key: string, intervalMs: number | undefined): Polled<T> {
  const [state, setState] = useState<{ key: string; value?: T; failure?: ApiFailure }>({ key });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const request = async (): Promise<void> => {
      const startedMs = performance.now();
      let pauseMs = intervalMs;
      try {
        const value = await latest.current();
        if (!stopped) setState({ key, value });
        const slowMs = Math.min(maxPauseMs, pauseFactor * (performance.now() - startedMs));
        if (pauseMs !== undefined) pauseMs = Math.max(pauseMs, slowMs);
      } catch (failure) {
        if (!stopped) setState((current) => ({ ...current, key, failure: failure as ApiFailure }));
        pauseMs ??= retryMs;
      }
      if (stopped || pauseMs === undefined) return;
      timer = setTimeout(waitUntilVisible, pauseMs);
    };
    const waitUntilVisible = (): void => {
      if (document.hidden) document.addEventListener('visibilitychange', waitUntilVisible, { once: true });
      else void request();
    };
    void request();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', waitUntilVisible);
    };
  }, [key, intervalMs, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  const current = state.key === key;
  return { value: current ? state.value : undefined, failure: current ? state.failure : undefined, reload };
}
