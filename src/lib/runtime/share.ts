/** What waits for units of a share and what uses them, for those who divide the budget. */
export interface Usage {
  /** Units that callers could use now: in use and waited for. */
  readonly interactive: number;
  /** Number of callers behind them. */
  readonly callers: number;
  /** The same for jobs and renewals ahead of time. */
  readonly background: number;
  readonly runs: number;
  /** Units that cannot be given back yet, because work uses them. */
  readonly held: number;
}

/** The user of a share. */
export interface ShareUser {
  /** What was used and waited for since the last call. */
  usage(): Usage;
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
  /** @param user is asked until the process ends, or until it is released. */
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
  /** Forgets the user of a share. */
  release(name: string): void;
  /** Resolves when the shares are known, after about a second at most. @throws the reason of the signal. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Stops the requests of this name on all instances for `ms` milliseconds. */
  pause(name: string, ms: number): void;
  /** Milliseconds until requests of this name may leave; 0: now. */
  pausedMs(name: string): number;
}
