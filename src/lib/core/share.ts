/** On whose behalf work waits for its turn. */
export interface Requester {
  /** Requesters with the same id share one queue. */
  readonly id: string;
  /**
   * `caller`: a caller of the API. `broker`: the broker itself, for an answer that callers wait for. `background`: a job,
   * or a renewal ahead of time.
   */
  readonly kind: 'caller' | 'broker' | 'background';
}

/** What is called when a requester joins or leaves shared work. */
interface RequestersWatcher {
  joined(requester: Requester): void;
  left(requester: Requester): void;
}

/** The requesters that wait for one piece of shared work. They may join and leave while it waits or runs. */
export class Requesters {
  readonly #present = new Map<string, { readonly requester: Requester; count: number }>();
  readonly #watchers = new Set<RequestersWatcher>();

  constructor(...requesters: readonly Requester[]) {
    for (const requester of requesters) this.add(requester);
  }

  /** Each requester once, in order of arrival. */
  get all(): Requester[] {
    return [...this.#present.values()].map(({ requester }) => requester);
  }

  add(requester: Requester): void {
    const key = keyOf(requester);
    const present = this.#present.get(key);
    if (present !== undefined) {
      present.count += 1;
      return;
    }
    this.#present.set(key, { requester, count: 1 });
    for (const watcher of this.#watchers) watcher.joined(requester);
  }

  /** Undoes one {@link add}. */
  remove(requester: Requester): void {
    const key = keyOf(requester);
    const present = this.#present.get(key);
    if (present === undefined) return;
    present.count -= 1;
    if (present.count > 0) return;
    this.#present.delete(key);
    for (const watcher of this.#watchers) watcher.left(present.requester);
  }

  /** Reports later changes. Call the result to stop. */
  watch(watcher: RequestersWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }
}

const keyOf = ({ id, kind }: Requester): string => `${kind} ${id}`;

/** Units of a budget that could be used: in use and waited for. */
export interface Demand {
  /** For callers, and for the broker's own answers to them. */
  readonly interactive: number;
  /** For jobs and renewals ahead of time. */
  readonly background: number;
}

/** The user of a share. */
export interface ShareUser {
  /** What was used since the last call, and what waits now. */
  demand(): Demand;
  /** Units that cannot be given back yet, because work uses them. */
  held(): number;
  /** The total of the budget to which this process agrees, also the usual one. Undefined: any that others know. */
  total?(): number | undefined;
  /** Called after the amount has changed. */
  changed(): void;
}

/** The part of a budget that this process may use. The other parts belong to other instances of the app. */
export interface Share {
  /** Units that may be in use now; for a rate, units per second. */
  amount(): number;
  /**
   * Says that units are used, or waited for because the amount is too small. Called for each operation, so it must be
   * cheap.
   */
  wanted(isShort: boolean): void;
  /** @param user is asked at each heartbeat from now on. */
  attach(user: ShareUser): void;
}

/** The whole of a budget that nobody else uses. */
export const wholeBudget = (units: number): Share => ({
  amount: () => units,
  wanted: () => undefined,
  attach: () => undefined,
});

/** Budgets that all instances of the app share. */
export interface SharedBudgets {
  share(name: string): Share;
  /** Resolves when the shares are known, after 1.5 seconds at most. @throws the reason of the signal. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Stops the requests of this name on all instances for `ms` milliseconds. */
  pause(name: string, ms: number): void;
  /** Milliseconds until requests of this name may leave; 0: now. */
  pausedMs(name: string): number;
}

/** A request to a resource in a tenant, as far as limits of Microsoft concern it. */
export interface BudgetedRequest {
  /** Alias of the resource: `graph`, `exchange`. */
  readonly resource: string;
  readonly tenantId: string;
  /** Name of the broker's application. */
  readonly application: string;
  readonly method: string;
  /** Path and query with the version, of each part if the request is a batch. */
  readonly paths: readonly string[];
  readonly requesters: Requesters;
}

/** Limits of Microsoft for requests to resources, which all instances of the app share. */
export interface RequestBudget {
  /**
   * Resolves when the request may leave.
   * @throws BrokerError `throttled` if a pause that the resource asked for takes longer than 20 seconds; `caller_throttled`;
   * the reason of the signal.
   */
  admit(request: BudgetedRequest, signal?: AbortSignal): Promise<void>;
  /** Tells all instances that the resource has answered 429. @param scope its header `x-ms-throttle-scope`. */
  throttled(request: BudgetedRequest, retryAfterSeconds: number, scope?: string | null): void;
}

/** All that instances share. */
export interface AllBudgets extends SharedBudgets, RequestBudget {}
