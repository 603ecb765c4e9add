import type { Clock, Random } from '../../core/clock.ts';
import { type Demand, type Entry, fairShares, type Ledger, noDemand } from './ledger.ts';

/** A limit that all instances share. */
export interface Budget {
  /** Units, or units per second. At least 1 unit if `whole`. */
  readonly total: number;
  /**
   * A number of concurrent operations, which is divided into whole units and always listed in the ledger. Otherwise a rate,
   * which is listed only while a member wants more than it may use unlisted.
   */
  readonly whole: boolean;
}

/** What a member says at a beat. */
export interface Announcement {
  readonly id: string;
  /** A number that the member says once. */
  readonly count: number;
  readonly budgetOf: (name: string) => Budget;
  /** What it wants of the budgets that it uses, and what it cannot give back yet. */
  readonly wants: Readonly<Record<string, Demand & { readonly held: number }>>;
  /** Members that have not written for too long. Their shares are free. */
  readonly gone: ReadonlySet<string>;
  /** Milliseconds until requests may leave again, by name. Those of other members are kept. */
  readonly pauses: Readonly<Record<string, number>>;
}

/**
 * The rate that a member may use while the budget is not listed: half of an equal part, with room for one more member.
 * Members that start together do not know of each other for some seconds. Eight of them stay within the budget.
 */
export const equalPart = ({ total }: Budget, members: number): number => total / (members + 1) / 2;

/** What a beat results in. */
interface Beat {
  readonly ledger: Ledger;
  /** What the member may use from now on, by name of each listed budget. What it holds may be more for a while. */
  readonly limits: Readonly<Record<string, number>>;
}

/** From this size on, a budget that several share keeps one unit for a member that has none yet. */
const minTotalWithReserve = 16;

/**
 * The ledger after a member has said what it wants. The shares of a listed budget never exceed the budget: a member takes
 * only what is free, and others give up what is above their part at their own next beat. A member whose entry is missing has
 * not seen that the budget is listed, and still uses an equal part. Pure.
 */
export function beat(before: Ledger, { id, count, budgetOf, wants, gone, pauses }: Announcement): Beat {
  const members = { ...without(before.members, gone), [id]: count };
  const ids = Object.keys(members);
  const budgets: Record<string, Record<string, Entry>> = {};
  const limits: Record<string, number> = {};
  for (const name of new Set([...Object.keys(before.budgets), ...Object.keys(wants)])) {
    const budget = budgetOf(name);
    const own = wants[name] ?? { ...noDemand, held: 0 };
    const listed = before.budgets[name];
    const part = equalPart(budget, ids.length);
    if (listed === undefined && !budget.whole && wantedOf(own) <= part) continue;
    const others = Object.fromEntries(Object.entries(listed ?? {}).filter(([other]) => other in members));
    const limit = limitOf({ id, budget, own, others, ids });
    // In place of what it said before. What work still uses stays claimed, also above the limit.
    const entries = { ...others, [id]: { ...withoutHeld(own), share: Math.max(own.held, limit) } };
    if (!budget.whole && isIdle(entries, budget, ids)) continue;
    budgets[name] = entries;
    limits[name] = limit;
  }
  return { ledger: { members, budgets, pauses }, limits };
}

interface Place {
  readonly id: string;
  readonly budget: Budget;
  readonly own: Demand & { readonly held: number };
  /** The entries of the other members. */
  readonly others: Readonly<Record<string, Entry>>;
  readonly ids: readonly string[];
}

function limitOf({ id, budget: { total, whole }, own, others, ids }: Place): number {
  const part = equalPart({ total, whole }, ids.length);
  const demands: Record<string, Demand> = { ...others, [id]: own };
  const isQuiet = !whole && Object.values(demands).every((demand) => wantedOf(demand) <= part);
  const reserve = whole && ids.length > 1 && total >= minTotalWithReserve ? 1 : 0;
  const target = isQuiet ? part : (fairShares(total - reserve, demands, whole)[id] ?? 0);
  // A member without an entry has not seen that the rate is listed. Nobody uses a number of operations unlisted.
  const unlisted = whole ? 0 : part;
  const claimed = ids
    .filter((other) => other !== id)
    .reduce((sum, other) => sum + (others[other]?.share ?? unlisted), 0);
  const limit = Math.max(0, Math.min(target, total - claimed));
  // With more members than units, each may use one.
  return whole && total < ids.length ? Math.max(1, limit) : limit;
}

/** Whether equal parts of a rate are enough again, and no member holds more than that. */
function isIdle(entries: Readonly<Record<string, Entry>>, budget: Budget, ids: readonly string[]): boolean {
  const part = equalPart(budget, ids.length);
  return ids.every((id) => {
    const entry = entries[id];
    return entry !== undefined && wantedOf(entry) <= part && entry.share <= part;
  });
}

const wantedOf = ({ interactive, background }: Demand): number => interactive + background;

const withoutHeld = ({ interactive, callers, background, runs }: Demand): Demand => ({
  interactive,
  callers,
  background,
  runs,
});

const without = (record: Readonly<Record<string, number>>, names: ReadonlySet<string>): Record<string, number> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => !names.has(name)));

/**
 * Time between two beats, with a random part so that instances do not write at the same time. With one read and one write for
 * each, this is less than one transaction per second.
 */
const interval = { minMs: 2_500, jitterMs: 800 };
/** The same after a beat that failed: soon enough to keep the shares. */
const intervalAfterFailure = { minMs: 1_000, jitterMs: 200 };
/** How long beats go on after the last wish for one: longer than an interval, so that one always follows a wish. */
const restAfterMs = 4_000;
/**
 * Least time between a beat and one ahead of time: the first soon, and further ones when another member may have had its own
 * beat, and given up what this one waits for.
 */
const hurryMs = { first: 300, next: 1_000 };
/** Beats ahead of time: four in a row, and then one every 15 seconds. */
const early = { most: 4, everyMs: 15_000 };
/** After a beat that took longer there is none ahead of time: on slow storage, more beats would be in the way of each other. */
const slowMs = 500;

interface PulseDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly background: (work: () => void) => void;
}

/** Repeats a beat while somebody wants it. */
export class Pulse {
  readonly #deps: PulseDeps;
  readonly #beat: () => Promise<boolean>;
  #wantedAtMs = -Infinity;
  #beganAtMs = -Infinity;
  #dueAtMs = -Infinity;
  #isRunning = false;
  #isSlow = false;
  #next = Promise.withResolvers<void>();
  #sleep: AbortController | undefined;
  #early: { count: number; atMs: number } = { count: early.most, atMs: -Infinity };

  /** @param work returns whether it succeeded, and never throws. */
  constructor(deps: PulseDeps, work: () => Promise<boolean>) {
    this.#deps = deps;
    this.#beat = work;
  }

  /** Says that beats are wanted. An urgent one comes soon, unless that happened often. */
  keep(isUrgent: boolean): void {
    this.#wantedAtMs = this.#deps.clock.nowMs();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#deps.background(() => void this.#run());
    }
    if (isUrgent) this.#sleep?.abort();
  }

  /** Resolves after the next beat. */
  next(): Promise<void> {
    return this.#next.promise;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    await this.#pause();
    do {
      this.#beganAtMs = clock.nowMs();
      const { minMs, jitterMs } = (await this.#beat()) ? interval : intervalAfterFailure;
      this.#isSlow = clock.nowMs() - this.#beganAtMs > slowMs;
      this.#dueAtMs = this.#beganAtMs + minMs + this.#deps.random() * jitterMs;
      this.#next.resolve();
      this.#next = Promise.withResolvers();
      await this.#pause();
    } while (clock.nowMs() - this.#wantedAtMs < restAfterMs);
    this.#isRunning = false;
  }

  /** Sleeps until the next beat is due. */
  async #pause(): Promise<void> {
    const { clock } = this.#deps;
    const leftMs = (): number => this.#dueAtMs - clock.nowMs();
    this.#sleep = new AbortController();
    await this.#until(leftMs(), this.#sleep.signal);
    this.#sleep = undefined;
    if (leftMs() <= 0) return;
    const earlyMs = this.#takeEarly();
    await this.#until(earlyMs === undefined ? leftMs() : this.#beganAtMs + earlyMs - clock.nowMs());
  }

  async #until(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms > 0) await this.#deps.clock.sleep(ms, signal).catch(() => undefined);
  }

  /** @returns the least time after the last beat, if one ahead of time is left. */
  #takeEarly(): number | undefined {
    const nowMs = this.#deps.clock.nowMs();
    const gained = Math.floor((nowMs - this.#early.atMs) / early.everyMs);
    if (gained > 0) this.#early = { count: Math.min(early.most, this.#early.count + gained), atMs: nowMs };
    if (this.#early.count === 0 || this.#isSlow) return undefined;
    this.#early.count -= 1;
    return this.#early.count === early.most - 1 ? hurryMs.first : hurryMs.next;
  }
}
