import { type Clock, type Random, withDeadline } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { Share, ShareUser } from '../../core/share.ts';
import { beat, type Budget, equalPart, Pulse } from './heartbeat.ts';
import { type Demand, type LedgerStore, mapValues, type StoredLedger } from './ledger.ts';

/** The date of a reply is in whole seconds. */
const dateResolutionMs = 1_000;

interface Seen {
  readonly beat: number;
  /** The latest moment at which this beat can have been written, by the clock of this process. */
  readonly atMs: number;
}

/** Finds members that have stopped to write. Compares no clocks of instances: it measures how long a beat stays the same. */
export class MembersSeen {
  readonly #seen = new Map<string, Seen>();

  /** @returns the members whose last beat is at least `afterMs` old. */
  look({ ledger, ageMs }: StoredLedger, nowMs: number, afterMs: number): Set<string> {
    const gone = new Set<string>();
    for (const [id, beat] of Object.entries(ledger.members)) {
      const known = this.#seen.get(id);
      const seen = known?.beat === beat ? known : { beat, atMs: nowMs - Math.max(0, ageMs - dateResolutionMs) };
      this.#seen.set(id, seen);
      if (nowMs - seen.atMs >= afterMs) gone.add(id);
    }
    for (const id of this.#seen.keys()) if (!(id in ledger.members)) this.#seen.delete(id);
    return gone;
  }
}

/** Number of pauses in the ledger. The longest are kept. */
const maxShared = 200;

/**
 * How much later the same pause may end by the ledger of another instance. Each that passes a pause on knows its age in whole
 * seconds only, and all have heard of it after one beat. If smaller differences counted, many instances would make a pause
 * longer and longer.
 */
const driftMs = 5_000;

/** When requests may leave again, by name. The times are of the clock of this process, and only durations are shared. */
export class Pauses {
  readonly #untilMs = new Map<string, number>();

  /** Milliseconds until requests of this name may leave; 0: now. */
  leftMs(name: string, nowMs: number): number {
    return Math.max(0, (this.#untilMs.get(name) ?? 0) - nowMs);
  }

  /** Begins a pause, or makes it longer. @returns false if it was as long already. */
  extend(name: string, untilMs: number): boolean {
    if ((this.#untilMs.get(name) ?? 0) >= untilMs) return false;
    this.#untilMs.set(name, untilMs);
    return true;
  }

  /** Takes over the pauses of a ledger. */
  join(pauses: Readonly<Record<string, number>>, ageMs: number, nowMs: number): void {
    for (const [name, leftMs] of Object.entries(pauses)) {
      const untilMs = nowMs + leftMs - ageMs;
      const knownMs = this.#untilMs.get(name);
      if (knownMs === undefined ? untilMs > nowMs : untilMs - knownMs > driftMs) this.#untilMs.set(name, untilMs);
    }
  }

  /** The pauses for the ledger: milliseconds that are left. Forgets those that are over everywhere. */
  shared(nowMs: number): Record<string, number> {
    for (const [name, untilMs] of this.#untilMs) if (untilMs + driftMs <= nowMs) this.#untilMs.delete(name);
    const left = [...this.#untilMs].filter(([, untilMs]) => untilMs > nowMs);
    const longest = left.toSorted(([, a], [, b]) => b - a).slice(0, maxShared);
    return Object.fromEntries(longest.map(([name, untilMs]) => [name, Math.round(untilMs - nowMs)]));
  }
}

interface KeeperDeps {
  readonly store: LedgerStore;
  /** A clock that nobody sets: milliseconds since any moment. */
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Starts work that no request waits for. */
  readonly background: (work: () => void) => void;
}

interface KeeperSettings {
  /** Distinguishes this process from all others that share the budgets. */
  readonly id: string;
  readonly budgetOf: (name: string) => Budget;
}

/** How long a share is used after the last successful beat. One beat may fail. */
const leaseMs = 5_000;
/** When a member that does not write counts as gone: its own lease has ended before. */
const goneMs = 6_000;
/** Longest duration of a beat. */
const beatTimeoutMs = 1_500;
/** How long a request waits for the first beat after a rest. */
const patienceMs = 1_000;
/** The instances that a process assumes before it has read the ledger once. As many new ones stay within the budget. */
const assumedMembers = 4;
/** Tries of one beat, if others write at the same time. */
const tries = 6;
/** Longest pause after the first conflict. It doubles with each further one. */
const conflictPauseMs = 50;

/**
 * Holds the shares of this process, and renews them in the ledger while they are used. A process at rest sends nothing. If
 * the ledger cannot be read or written, it uses an equal part of each budget for each member that it last knew.
 */
export class BudgetKeeper {
  readonly #deps: KeeperDeps;
  readonly #settings: KeeperSettings;
  readonly #users = new Map<string, ShareUser>();
  readonly #seen = new MembersSeen();
  readonly #pauses = new Pauses();
  readonly #pulse: Pulse;
  #limits: Readonly<Record<string, number>> = {};
  /** Members that the ledger named last; this process is one of them. */
  #members = assumedMembers;
  /** Beats so far. It never starts again: others take a member whose number stays the same for one that is gone. */
  #beats = 0;
  #validUntilMs = -Infinity;
  #isFailing = false;

  constructor(deps: KeeperDeps, settings: KeeperSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#pulse = new Pulse(deps, () => this.#beat());
  }

  /** The share of a budget. Its user is asked at each beat. */
  share(name: string): Share {
    return {
      amount: () => this.#amount(name),
      wanted: (isShort) => this.#pulse.keep(isShort && this.#isValid),
      attach: (user) => void this.#users.set(name, user),
    };
  }

  /** Forgets the user of a share. */
  release(name: string): void {
    this.#users.delete(name);
  }

  /**
   * Resolves when the shares are known: at once while they are, after one beat if the process was at rest, and after a second
   * at most. @throws the reason of the signal.
   */
  async ready(signal?: AbortSignal): Promise<void> {
    this.#pulse.keep(false);
    if (this.#isValid || this.#isFailing) return;
    await withDeadline(this.#deps.clock, patienceMs, () => this.#pulse.next(), signal).catch(() => undefined);
    signal?.throwIfAborted();
  }

  /** Stops the requests of this name, here and on all other instances that send any. */
  pause(name: string, ms: number): void {
    if (this.#pauses.extend(name, this.#deps.clock.nowMs() + ms)) this.#pulse.keep(true);
  }

  /** Milliseconds until requests of this name may leave; 0: now. */
  pausedMs(name: string): number {
    return this.#pauses.leftMs(name, this.#deps.clock.nowMs());
  }

  get #isValid(): boolean {
    return this.#deps.clock.nowMs() < this.#validUntilMs;
  }

  #amount(name: string): number {
    const budget = this.#settings.budgetOf(name);
    if (this.#isValid) return this.#limits[name] ?? (budget.whole ? 0 : equalPart(budget, this.#members));
    const part = budget.total / this.#members;
    return budget.whole ? Math.max(1, Math.floor(part)) : part;
  }

  /** @returns whether the shares are renewed. Never throws. */
  async #beat(): Promise<boolean> {
    const startedMs = this.#deps.clock.nowMs();
    try {
      await withDeadline(this.#deps.clock, beatTimeoutMs, (signal) => this.#write(startedMs, signal));
      if (this.#isFailing) this.#deps.log.log('info', 'budgets.recovered', {});
      this.#isFailing = false;
    } catch (thrown) {
      if (!this.#isFailing) this.#deps.log.log('warn', 'budgets.not_shared', errorFields(thrown));
      this.#isFailing = true;
    }
    for (const user of this.#users.values()) user.changed();
    return !this.#isFailing;
  }

  async #write(startedMs: number, signal: AbortSignal): Promise<void> {
    const { store, clock, random } = this.#deps;
    const { id, budgetOf } = this.#settings;
    const demands = this.#demands();
    const count = (this.#beats += 1);
    for (let attempt = 1; ; attempt += 1) {
      const stored = await store.read();
      const nowMs = clock.nowMs();
      this.#pauses.join(stored.ledger.pauses, stored.ageMs, nowMs);
      const gone = this.#seen.look(stored, nowMs, goneMs);
      gone.delete(id);
      // Known also if the write fails.
      this.#members = Object.keys({ ...stored.ledger.members, [id]: 0 }).filter((member) => !gone.has(member)).length;
      const wants = this.#withHeld(demands);
      const next = beat(stored.ledger, { id, count, budgetOf, wants, gone, pauses: this.#pauses.shared(nowMs) });
      // Others may read what is given up before this process knows that it is written.
      this.#limits = mapValues(this.#limits, (limit, name) => Math.min(limit, next.limits[name] ?? limit));
      const isWritten = await store.write(next.ledger, stored.version);
      signal.throwIfAborted();
      if (isWritten) {
        this.#limits = next.limits;
        this.#validUntilMs = startedMs + leaseMs;
        return;
      }
      if (attempt === tries) throw new Error('other instances wrote the ledger at each try');
      await clock.sleep(random() * conflictPauseMs * 2 ** (attempt - 1), signal);
    }
  }

  #demands(): Record<string, Demand> {
    const demands: Record<string, Demand> = {};
    for (const [name, user] of this.#users) {
      const { total } = this.#settings.budgetOf(name);
      const { interactive, background, ...usage } = user.usage();
      demands[name] = { ...usage, interactive: Math.min(total, interactive), background: Math.min(total, background) };
    }
    // Operations that wait for their turn say so only once.
    if (Object.values(demands).some(({ interactive, background }) => interactive + background > 0))
      this.#pulse.keep(false);
    return demands;
  }

  #withHeld(demands: Readonly<Record<string, Demand>>): Record<string, Demand & { held: number }> {
    return mapValues(demands, (demand, name) => ({ ...demand, held: this.#users.get(name)?.held() ?? 0 }));
  }
}
