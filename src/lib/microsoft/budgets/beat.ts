import { fairShares } from './fair-shares.ts';
import { type Demand, type Entry, type Ledger, noDemand } from './ledger.ts';

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
export interface Beat {
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
