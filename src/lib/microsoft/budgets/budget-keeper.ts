import { type Clock, type Random, withDeadline } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { Share, SharedBudgets, ShareUser } from '../../core/share.ts';
import {
  afterHeartbeat,
  type Budget,
  type LedgerStore,
  mapValues,
  type StoredLedger,
  unlistedPart,
  wantedOf,
} from './ledger.ts';

/**
 * Time from the start of a heartbeat to the next one; `unsettled` after a failure, and while shares move. Up to a fifth is
 * added, so that instances do not write at the same time. With one read and one write for each heartbeat, an instance sends
 * less than one transaction per second.
 */
const intervalMs = { settled: 2_300, unsettled: 1_000 };
/** How long heartbeats go on after the last request: longer than an interval, so that one always follows it. */
const restAfterMs = 4_000;
/** How long a share is used after the start of the last heartbeat that succeeded. One heartbeat may fail. */
const leaseMs = 5_000;
/** When the lease of another instance counts as expired: by its own clock it has ended before. */
const expiresAfterMs = 6_000;
/** Longest duration of a heartbeat, and how long a request waits for the first one after a rest. */
const heartbeatTimeoutMs = 1_500;
/** Longest pause after another instance has written at the same time. 16 that start together have all written in a second. */
const conflictPauseMs = 60;
/** The instances that a process assumes before it has read the ledger once. As many new ones stay within the budget. */
const assumedMembers = 4;
/** The date of a reply is in whole seconds. */
const dateResolutionMs = 1_000;
/** Number of pauses in the ledger. The longest are kept, and refusals only where there is room: they last a day. */
const maxShared = 200;
/**
 * A pause in the ledger becomes longer only by more than this. Its age is known in whole seconds only, and each instance
 * writes it again: if smaller differences counted, these echoes would never end.
 */
const driftMs = 5_000;

const refusal = 'larger ';
/** The name of the pause, of no request, during which a budget is not larger. In the ledger, it reaches all instances. */
export const refusalOf = (budget: string): string => `${refusal}${budget}`;
const isRefusal = (name: string): boolean => name.startsWith(refusal);

/** Finds instances that have stopped to write. Compares no clocks: it measures how long a count stays the same. */
export class Leases {
  #seen = new Map<string, { readonly count: number; readonly atMs: number }>();

  /** @returns the instances whose last heartbeat is too old. */
  expired({ ledger, ageMs }: StoredLedger, nowMs: number): Set<string> {
    const writtenAtMs = nowMs - Math.max(0, ageMs - dateResolutionMs);
    this.#seen = new Map(
      Object.entries(ledger.members).map(([id, count]) => {
        const seen = this.#seen.get(id);
        return [id, seen?.count === count ? seen : { count, atMs: writtenAtMs }];
      }),
    );
    return new Set([...this.#seen].flatMap(([id, { atMs }]) => (nowMs - atMs >= expiresAfterMs ? [id] : [])));
  }
}

/** When requests may leave again, by name. The times are of the clock of this process, and only durations are shared. */
export class Pauses {
  readonly #untilMs = new Map<string, number>();
  #stopsAny = false;

  /** Milliseconds until requests of this name may leave; 0: now. */
  leftMs(name: string, nowMs: number): number {
    return Math.max(0, (this.#untilMs.get(name) ?? 0) - nowMs);
  }

  /** Whether one is known that stops requests, perhaps one that is over. */
  get stopsAny(): boolean {
    return this.#stopsAny;
  }

  /** Begins a pause, or makes it longer. @returns false if it was as long already. */
  extend(name: string, untilMs: number): boolean {
    if ((this.#untilMs.get(name) ?? 0) >= untilMs) return false;
    this.#set(name, untilMs);
    return true;
  }

  /** Takes over the pauses of a ledger. */
  join({ ledger, ageMs }: StoredLedger, nowMs: number): void {
    for (const [name, leftMs] of Object.entries(ledger.pauses)) {
      const untilMs = nowMs + leftMs - ageMs;
      if (untilMs - driftMs > (this.#untilMs.get(name) ?? nowMs - driftMs)) this.#set(name, untilMs);
    }
  }

  /** The pauses for the ledger: milliseconds that are left. Forgets those that are over everywhere. */
  shared(nowMs: number): Record<string, number> {
    for (const [name, untilMs] of this.#untilMs) if (untilMs + driftMs <= nowMs) this.#untilMs.delete(name);
    this.#stopsAny = [...this.#untilMs.keys()].some((name) => !isRefusal(name));
    const left = [...this.#untilMs].map(([name, untilMs]) => [name, Math.round(untilMs - nowMs)] as const);
    const longest = left.filter(([, ms]) => ms > 0).toSorted(([, a], [, b]) => b - a);
    const refusalsLast = longest.toSorted(([a], [b]) => Number(isRefusal(a)) - Number(isRefusal(b)));
    return Object.fromEntries(refusalsLast.slice(0, maxShared));
  }

  #set(name: string, untilMs: number): void {
    this.#untilMs.set(name, untilMs);
    this.#stopsAny ||= !isRefusal(name);
  }
}

export interface KeeperDeps {
  /** Distinguishes this process from all others that share the budgets. */
  readonly id: string;
  readonly budgetOf: (name: string) => Budget;
  readonly store: LedgerStore;
  /** A clock that nobody sets: milliseconds since any moment. */
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Starts work that no request waits for. */
  readonly background: (work: () => void) => void;
}

/**
 * Holds the shares of this process, and renews their lease in the ledger while they are used. A process at rest sends
 * nothing. If the ledger cannot be read or written, it uses an equal part of each budget for each instance that it last knew.
 */
export class BudgetKeeper implements SharedBudgets {
  readonly #deps: KeeperDeps;
  readonly #users = new Map<string, ShareUser>();
  readonly #leases = new Leases();
  readonly #pauses = new Pauses();
  /** What the ledger gives this process, by name of the budget. */
  #limits: Readonly<Record<string, number>> = {};
  /** What all instances together may use, as of the last heartbeat. */
  #totals: Readonly<Record<string, number>> = {};
  /** Instances that the ledger named last; this process is one of them. */
  #members = assumedMembers;
  /** Heartbeats so far. It never starts again: the lease of an instance whose count stays the same expires. */
  #count = 0;
  #leasedUntilMs = -Infinity;
  #usedAtMs = -Infinity;
  #isRunning = false;
  #isFailing = false;
  #nextHeartbeat = Promise.withResolvers<void>();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  share(name: string): Share {
    return {
      // Without a lease, nothing until the heartbeat has ended: others may have taken what this process had.
      amount: () => (this.#isLeased ? this.#limit(name) : this.#isFailing ? this.#equalPart(name) : 0),
      wanted: () => this.#use(),
      attach: (user) => void this.#users.set(name, user),
    };
  }

  /** Forgets the user of a share. */
  release(name: string): void {
    this.#users.delete(name);
  }

  /** At once while the lease lasts, and after one heartbeat if the process was at rest. */
  async ready(signal?: AbortSignal): Promise<void> {
    this.#use();
    if (this.#isLeased || this.#isFailing) return;
    const { clock } = this.#deps;
    await withDeadline(clock, heartbeatTimeoutMs, () => this.#nextHeartbeat.promise, signal).catch(() => undefined);
    signal?.throwIfAborted();
  }

  pause(name: string, ms: number): void {
    if (this.#pauses.extend(name, this.#deps.clock.nowMs() + ms)) this.#use();
  }

  /** Whether any pause of requests is known, perhaps one that is over. */
  get hasPauses(): boolean {
    return this.#pauses.stopsAny;
  }

  /** Whether the instances agree to more than the usual total. */
  isLarger(name: string): boolean {
    return (this.#totals[name] ?? 0) > this.#deps.budgetOf(name).total;
  }

  pausedMs(name: string): number {
    return this.#pauses.leftMs(name, this.#deps.clock.nowMs());
  }

  get #isLeased(): boolean {
    return this.#deps.clock.nowMs() < this.#leasedUntilMs;
  }

  #limit(name: string): number {
    return this.#limits[name] ?? unlistedPart(this.#deps.budgetOf(name), this.#members);
  }

  #equalPart(name: string): number {
    const { total, whole } = this.#deps.budgetOf(name);
    const part = total / this.#members;
    return whole ? Math.max(1, Math.floor(part)) : part;
  }

  /** Keeps the heartbeats going. Cheap, because each operation calls it. */
  #use(): void {
    this.#usedAtMs = this.#deps.clock.nowMs();
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#deps.background(() => void this.#run());
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#deps;
    do {
      const startedAtMs = clock.nowMs();
      const ms = (await this.#heartbeat(startedAtMs)) ? intervalMs.settled : intervalMs.unsettled;
      this.#nextHeartbeat.resolve();
      this.#nextHeartbeat = Promise.withResolvers();
      await clock.sleep(startedAtMs + ms * (1 + 0.2 * random()) - clock.nowMs());
    } while (clock.nowMs() - this.#usedAtMs < restAfterMs);
    this.#isRunning = false;
  }

  /** @returns false if the next heartbeat should come soon. Never throws. */
  async #heartbeat(startedAtMs: number): Promise<boolean> {
    const { clock, log } = this.#deps;
    let isSettled = false;
    try {
      isSettled = await withDeadline(clock, heartbeatTimeoutMs, (signal) => this.#renew(startedAtMs, signal));
      if (this.#isFailing) log.log('info', 'budgets.recovered', {});
      this.#isFailing = false;
    } catch (thrown) {
      if (!this.#isFailing) log.log('warn', 'budgets.not_shared', errorFields(thrown));
      this.#isFailing = true;
    }
    for (const user of this.#users.values()) user.changed();
    return isSettled;
  }

  async #renew(startedAtMs: number, signal: AbortSignal): Promise<boolean> {
    const { id, budgetOf, store, clock, random } = this.#deps;
    const users = [...this.#users].map(([name, user]) => ({ name, user, demand: user.demand() }));
    // Operations that wait for their turn say so only once.
    if (users.some(({ demand }) => wantedOf(demand) > 0)) this.#use();
    const count = (this.#count += 1);
    for (;;) {
      const stored = await store.read();
      const nowMs = clock.nowMs();
      this.#pauses.join(stored, nowMs);
      const wants = Object.fromEntries(
        users.map(({ name, user, demand }) => [name, { ...demand, held: user.held(), total: user.total?.() }]),
      );
      const found = { expired: this.#leases.expired(stored, nowMs), pauses: this.#pauses.shared(nowMs) };
      const heartbeat = { id, count, budgetOf, wants, ...found };
      const { ledger, limits, totals, isSettled } = afterHeartbeat(stored.ledger, heartbeat);
      const members = Object.keys(ledger.members).length;
      // Others may read what is given up before this process knows that it is written.
      this.#limits = mapValues(limits, (limit, name) => Math.min(limit, this.#limit(name)));
      // If this write fails, others may fail to write, too, and only seem to have expired.
      this.#members = Math.max(this.#members, members);
      const isWritten = await store.write(ledger, stored.version);
      signal.throwIfAborted();
      if (isWritten) {
        this.#limits = limits;
        this.#totals = totals;
        this.#members = members;
        this.#leasedUntilMs = startedAtMs + leaseMs;
        return isSettled;
      }
      await clock.sleep(random() * conflictPauseMs, signal);
    }
  }
}
