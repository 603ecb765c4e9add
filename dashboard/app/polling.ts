import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ApiFailure } from './api-failure.ts';
import type { Api } from './api.ts';
import { SignedInContext } from './context.ts';
import type { Session } from './session.ts';

export interface Polled<T> {
  readonly value: T | undefined;
  readonly failure: ApiFailure | undefined;
  /** When the value arrived. Unix time in milliseconds. */
  readonly loadedAtMs?: number | undefined;
  /** When the next request after a failure is sent. Unix time in milliseconds. */
  readonly retryAtMs?: number | undefined;
  /** The request in progress takes unusually long. */
  readonly slow?: boolean;
  /** Requests the value immediately. */
  readonly reload: () => void;
}

type State<T> = Partial<Omit<Polled<T>, 'reload'>> & { readonly key: string };

type Kept = Pick<State<unknown>, 'value' | 'loadedAtMs'>;

/** What a session has loaded, by its key: a view that is opened again shows it at once, and while the broker is down. */
const kept = new WeakMap<Api, Map<string, Kept>>();

/** The oldest values are dropped beyond this number. */
const maxKept = 60;

function keep(api: Api, key: string, value: Kept): void {
  const values = kept.get(api) ?? new Map<string, Kept>();
  kept.set(api, values);
  values.delete(key);
  values.set(key, value);
  const [oldest] = values.keys();
  if (values.size > maxKept && oldest !== undefined) values.delete(oldest);
}

/** The pause after a request is at least this multiple of its duration, to spare a slow broker. */
const pauseFactor = 10;

/** Upper limit for that pause: a request that took minutes, such as a gateway timeout, must not stop updates for an hour. */
const maxPauseMs = 60_000;

/** Pause after the first failure in a row. It doubles with each further one, up to the interval. */
const retryMs = 5_000;

/** After this time without an answer the page says that the broker is slow. */
const slowMs = 4_000;

/** The pause after a number of failures in a row. It is at least what the broker asks for. */
export function pauseAfterFailure(failures: number, intervalMs: number | undefined, retryAfterSeconds = 0): number {
  const pauseMs = Math.min(intervalMs ?? maxPauseMs, maxPauseMs, retryMs * 2 ** (failures - 1));
  return Math.max(pauseMs, retryAfterSeconds * 1000);
}

/**
 * Calls `load` repeatedly while the page is visible. The pause is `intervalMs`, or ten times the duration of the last
 * request up to one minute, whichever is longer. After a failure it is shorter, unless the broker asks for more, and it
 * ends when the browser is online again. The last value stays while requests fail, also from view to view.
 * @param load gets the API of the session. Before the sign-in there is none.
 * @param key identifies what is loaded in the session. A new key replaces the old value by what is kept under it.
 * @param intervalMs its absence stops after the first successful request.
 * @param freshMs without an interval, what is kept is not read again for this long.
 */
export function usePolling<T>(
  load: (api: Api) => Promise<T>,
  key: string,
  intervalMs?: number,
  freshMs = 0,
): Polled<T> {
  const api = useContext(SignedInContext)?.api;
  const before = (): State<T> => ({ key, ...((api && kept.get(api)?.get(key)) as (Kept & { value?: T }) | undefined) });
  const [state, setState] = useState<State<T>>(before);
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const isFresh = Date.now() - (before().loadedAtMs ?? 0) < freshMs;
    if (intervalMs === undefined && round === 0 && isFresh) return undefined;
    const change = (next: Omit<State<T>, 'key'>): void => {
      if (api !== undefined && next.loadedAtMs !== undefined) keep(api, key, next);
      setState((current) => ({ ...(current.key === key ? current : before()), ...next, key }));
    };
    return startPolling({ load: () => latest.current(api as Api), intervalMs, change });
  }, [api, key, intervalMs, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  const { value, failure, loadedAtMs, retryAtMs, slow = false }: State<T> = state.key === key ? state : before();
  return { value, failure, loadedAtMs, retryAtMs, slow, reload };
}

/** Thousands of tenants take the browser some time to parse, so for their names they are not read again for this long. */
const namesFreshMs = 60_000;

/** The tenants, for those who may see them, for their names. */
export function useTenants() {
  const reads = useContext(SignedInContext)?.session.roles.includes('Tenants.Read') === true;
  return usePolling(async (api) => (reads ? api.tenants() : undefined), 'tenants', undefined, namesFreshMs).value;
}

/**
 * The name of the partner: the setting, or the domain of the reader's account.
 * @param health undefined: it is not known yet, and neither is the name.
 */
export function partnerOf(
  health: Awaited<ReturnType<Api['health']>> | undefined,
  { name }: Session,
): string | undefined {
  if (health === undefined) return undefined;
  const [, domain] = name.split('@');
  return ('applications' in health ? health.partnerName : undefined) ?? domain?.replace(/\.onmicrosoft\.com$/, '');
}

export function usePartner(): string | undefined {
  const session = useContext(SignedInContext)?.session;
  const health = usePolling((api) => api.health(), 'health', undefined, namesFreshMs).value;
  return session && partnerOf(health, session);
}

interface Polling<T> {
  readonly load: () => Promise<T>;
  readonly intervalMs: number | undefined;
  readonly change: (next: Omit<State<T>, 'key'>) => void;
}

/** @returns a function that stops it. */
function startPolling<T>({ load, intervalMs, change }: Polling<T>): () => void {
  let stopped = false;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (next: Omit<State<T>, 'key'>): void => {
    if (!stopped) change(next);
  };
  const request = async (): Promise<void> => {
    const startedMs = performance.now();
    const slowTimer = setTimeout(() => tell({ slow: true }), slowMs);
    let pauseMs = intervalMs;
    try {
      const value = await load();
      failures = 0;
      tell({ value, loadedAtMs: Date.now(), failure: undefined, retryAtMs: undefined, slow: false });
      const spareMs = Math.min(maxPauseMs, pauseFactor * (performance.now() - startedMs));
      if (pauseMs !== undefined) pauseMs = Math.max(pauseMs, spareMs);
    } catch (thrown) {
      const failure = thrown as ApiFailure;
      failures += 1;
      pauseMs = pauseAfterFailure(failures, intervalMs, failure.retryAfterSeconds);
      tell({ failure, retryAtMs: Date.now() + pauseMs, slow: false });
    } finally {
      clearTimeout(slowTimer);
    }
    if (stopped || pauseMs === undefined) return;
    timer = setTimeout(waitUntilVisible, pauseMs);
    if (failures > 0) addEventListener('online', hurry, { once: true });
  };
  const hurry = (): void => {
    clearTimeout(timer);
    waitUntilVisible();
  };
  const waitUntilVisible = (): void => {
    removeEventListener('online', hurry);
    if (document.hidden) document.addEventListener('visibilitychange', waitUntilVisible, { once: true });
    else void request();
  };
  void request();
  return () => {
    stopped = true;
    clearTimeout(timer);
    removeEventListener('online', hurry);
    document.removeEventListener('visibilitychange', waitUntilVisible);
  };
}
