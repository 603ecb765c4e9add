import type { TableClient } from '@azure/data-tables';
import * as z from 'zod';
import { Columns, pieces } from '../../core/rows/columns.ts';
import { Table } from '../../core/rows/table.ts';
import type { Demand } from '../../core/share.ts';

/** A limit that all instances share. */
export interface Budget {
  /** Units, or units per second. At least 1 unit if `whole`. */
  readonly total: number;
  /**
   * A number of concurrent operations, which is divided into whole units and always listed in the ledger. Otherwise a rate,
   * which an instance lists only while somebody wants more than the unlisted part.
   */
  readonly whole: boolean;
  /** The total may be larger where instances know it and all agree, but never above this. Absent: it never is. */
  readonly largest?: number;
}

/** What an instance agrees to that does not know the total: to what others know. It is above every total. */
const anyTotal = 9_999;

export const noDemand: Demand = { interactive: 0, background: 0 };

/** What an instance wants of a budget, and the part that it holds. */
export interface Entry extends Demand {
  readonly share: number;
  /** The largest total that it agrees to. Absent: not more than the usual one, as instances of earlier versions. */
  readonly agreesTo?: number | undefined;
}

/**
 * The row through which instances share the budgets. There is one for all budgets, so that an instance pays for one row
 * however many budgets it uses. It contains no time, because clocks of instances differ.
 */
export interface Ledger {
  /** By id of the instance: a number that grows with each of its heartbeats. */
  readonly members: Readonly<Record<string, number>>;
  /** By name of the budget and id of the instance. An instance without an entry holds the unlisted part of a rate. */
  readonly budgets: Readonly<Record<string, Readonly<Record<string, Entry>>>>;
  /** By name of the requests: milliseconds from the write of the ledger until they may leave again. */
  readonly pauses: Readonly<Record<string, number>>;
}

/** A ledger as it was read. */
export interface StoredLedger {
  readonly ledger: Ledger;
  /** The version to replace; undefined if there is no ledger yet. */
  readonly version: string | undefined;
  /** How long ago it was written, by the clock of the storage service, milliseconds. */
  readonly ageMs: number;
}

/** Stores the ledger. Both methods throw if the store does not answer in time. */
export interface LedgerStore {
  read(): Promise<StoredLedger>;
  /** Replaces the version that was read. @returns false if somebody else has replaced it. */
  write(ledger: Ledger, version: string | undefined): Promise<boolean>;
}

export const emptyLedger: Ledger = { members: {}, budgets: {}, pauses: {} };

/** A record with the same names. */
export const mapValues = <T, U>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => U,
): Record<string, U> => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

const pick = <T>(record: Readonly<Record<string, T>>, isWanted: (name: string) => boolean): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => isWanted(name)));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const wantedOf = ({ interactive, background }: Demand): number => interactive + background;

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;

/**
 * The ledger as text of about 20 characters for each instance and budget. A share is rounded down, so that the sum does not
 * grow. An instance that wants and holds nothing is 1 if it agrees to any total, otherwise 0: earlier versions read both as
 * nothing. The third number, and the fifth without a larger total, are numbers of callers and runs, by which earlier versions
 * divided the budget. Version 0.2.0 writes 0 in their place, also for other instances.
 */
export const encodeLedger = ({ members, budgets, pauses }: Ledger): string => {
  const encodeEntry = ({ share, interactive, background, agreesTo = 0 }: Entry): readonly number[] | 0 | 1 => {
    const isNothing = share + interactive + background === 0;
    if (isNothing && agreesTo === 0) return 0;
    if (isNothing && agreesTo === anyTotal) return 1;
    return [Math.floor(share * 100) / 100, twoDecimals(interactive), 0, twoDecimals(background), agreesTo];
  };
  const encoded = mapValues(budgets, (entries) => mapValues(entries, encodeEntry));
  return JSON.stringify({ v: 1, m: members, b: encoded, p: pauses });
};

const amount = z.number().nonnegative().catch(0);
const amounts = z.record(z.string(), amount).catch({});
const entry = z
  .literal(1)
  .transform(() => [0, 0, 0, 0, anyTotal])
  .or(z.array(amount).catch([]))
  .transform(
    ([share = 0, interactive = 0, , background = 0, agreesTo = 0]): Entry => ({
      share,
      interactive,
      background,
      ...(agreesTo > 0 ? { agreesTo } : {}),
    }),
  );
const stored = z.object({
  v: z.literal(1),
  m: amounts,
  b: z.record(z.string(), z.record(z.string(), entry).catch({})).catch({}),
  p: amounts,
});

/** Reads what {@link encodeLedger} wrote. Anything else, as from a newer version, is an empty ledger. Never throws. */
export function decodeLedger(text: string): Ledger {
  try {
    const { m: members, b: budgets, p: pauses } = stored.parse(JSON.parse(text));
    return { members, budgets, pauses };
  } catch {
    return emptyLedger;
  }
}

export const budgetsTable = 'Budgets';
const key = { partitionKey: 'budgets', rowKey: 'ledger' };
/** An entity holds 1 MB. */
const columns = new Columns({ ledger: pieces(12) });

/** The ledger in one row. All methods throw BrokerError storage_unavailable. */
export class TableLedgerStore implements LedgerStore {
  readonly #table: Table;

  constructor(open: () => Promise<TableClient>) {
    this.#table = new Table(open, 'The ledger of the budgets cannot be read or written.');
  }

  async read(): Promise<StoredLedger> {
    let answeredAtMs = Number.NaN;
    const found = await this.#table.find(key, {
      onResponse: ({ headers }) => {
        answeredAtMs = Date.parse(headers.get('date') ?? '');
      },
    });
    if (found === undefined) return { ledger: emptyLedger, version: undefined, ageMs: 0 };
    const ageMs = answeredAtMs - Date.parse(found.timestamp ?? '');
    return {
      ledger: decodeLedger(columns.decode(found)?.ledger ?? ''),
      version: found.etag,
      ageMs: Number.isFinite(ageMs) ? Math.max(0, ageMs) : 0,
    };
  }

  async write(ledger: Ledger, version: string | undefined): Promise<boolean> {
    const row = { ...key, ...columns.encode({ ledger: encodeLedger(ledger) }) };
    return (await this.#table.putIfUnchanged(row, version)) !== undefined;
  }
}

/**
 * The part of a rate that an instance without an entry uses: half of an equal part, with room for one more instance. Eight
 * instances that start together, and know of each other only seconds later, stay within the budget.
 */
export const unlistedPart = ({ total, whole }: Budget, members: number): number =>
  whole ? 0 : total / (members + 1) / 2;

/** What an instance says in a heartbeat. */
export interface Heartbeat {
  readonly id: string;
  /** A number that the instance says once. */
  readonly count: number;
  readonly budgetOf: (name: string) => Budget;
  /** What it wants of the budgets that it uses, the units that it cannot give back yet, and the total if it knows it. */
  readonly wants: Readonly<Record<string, Demand & { readonly held: number; readonly total?: number | undefined }>>;
  /** Instances whose lease has expired. Their shares are free. */
  readonly expired: ReadonlySet<string>;
  /** The pauses of the ledger, and what this instance has heard. */
  readonly pauses: Ledger['pauses'];
}

interface Outcome {
  readonly ledger: Ledger;
  /** What the instance may use from now on, by name of the budget. It may still hold more. */
  readonly limits: Readonly<Record<string, number>>;
  /** What all instances together may use, by name of the budget. */
  readonly totals: Readonly<Record<string, number>>;
  /** Whether nothing is to be moved soon: neither to this instance, nor from it, nor to others that have started with it. */
  readonly isSettled: boolean;
}

/**
 * From this size on, a budget keeps one unit for an instance that has none yet. Without it, an instance that follows one that
 * was ended would wait until the lease of that one expires.
 */
const minTotalWithReserve = 16;

/**
 * The ledger after a heartbeat. An instance takes only what is free, and others give up what is above their part at their own
 * next heartbeat. So concurrent operations never exceed their number, unless there are more instances than units. A rate is
 * exceeded while instances join: until their next heartbeat, others use the unlisted part of those that they know, by a
 * twelfth of the rate too much for one that joins. The total of a rate is the smallest that a listed instance agrees to, so
 * that all count with the same one, and one instance is enough to lower it. Unlisted parts are of the usual total. Pure.
 */
export function afterHeartbeat(before: Ledger, { id, count, budgetOf, wants, expired, pauses }: Heartbeat): Outcome {
  const others = pick(before.members, (other) => other !== id && !expired.has(other));
  const members = { ...others, [id]: count };
  const size = Object.keys(members).length;
  const budgets: Record<string, Readonly<Record<string, Entry>>> = {};
  const limits: Record<string, number> = {};
  const totals: Record<string, number> = {};
  let isSettled = id in before.members;
  for (const name of new Set([...Object.keys(before.budgets), ...Object.keys(wants)])) {
    const budget = budgetOf(name);
    const { whole } = budget;
    const { held, total: known = anyTotal, ...own } = wants[name] ?? { ...noDemand, held: 0 };
    const theirs = pick(before.budgets[name] ?? {}, (other) => other in others);
    const demands = { ...theirs, [id]: own };
    const part = unlistedPart(budget, size);
    const total = agreedTotal(budget, [known, ...Object.values(theirs).map(({ agreesTo = 0 }) => agreesTo)]);
    totals[name] = total;
    const agreesTo = budget.largest === undefined ? {} : { agreesTo: known };
    const isQuiet = !whole && Object.values(demands).every((demand) => wantedOf(demand) <= part);
    const reserve = whole && total >= minTotalWithReserve ? 1 : 0;
    const target = isQuiet ? part : (fairShares(total - reserve, demands, whole)[id] ?? 0);
    const free = total - sum(Object.keys(others).map((other) => theirs[other]?.share ?? part));
    // With more instances than units, each may use one.
    const limit = Math.max(whole && total < size ? 1 : 0, Math.min(target, free));
    limits[name] = limit;
    if (limit < target / 2 || held > limit) isSettled = false;
    const isUnlisted = isQuiet && limit === part;
    // What work still uses stays claimed, also above the limit.
    const entries = isUnlisted ? theirs : { ...theirs, [id]: { ...own, share: Math.max(held, limit), ...agreesTo } };
    if (Object.keys(entries).length > 0) budgets[name] = entries;
  }
  return { ledger: { members, budgets, pauses }, limits, totals, isSettled };
}

/** The total of a budget, by what the instances agree to. If none of them knows it, the usual one. */
function agreedTotal({ total, largest = total }: Budget, agreed: readonly number[]): number {
  const smallest = Math.min(...agreed);
  return smallest > largest ? total : Math.max(total, smallest);
}

/** How much of a budget goes to the background while callers could use all of it, so that jobs end. */
const backgroundPart = 1 / 8;

/**
 * Divides a budget among instances by what they want. Callers come before the background, which gets one eighth at least.
 * Within each, no instance gets more than it wants while another wants more than it gets. What nobody wants is divided
 * equally, for those who want more before the next division. Pure.
 * @param whole The shares are whole numbers, each less than 1 from the exact one. Their sum is `total` in any case.
 */
export function fairShares(
  total: number,
  demands: Readonly<Record<string, Demand>>,
  whole: boolean,
): Readonly<Record<string, number>> {
  const ids = Object.keys(demands).toSorted();
  const shares = Object.fromEntries(ids.map((id) => [id, 0]));
  const give = (most: number, wantOf: (demand: Demand) => number): void => {
    let available = most;
    const claims = Object.entries(demands).map(([id, demand]) => ({ id, want: wantOf(demand) }));
    for (const [at, { id, want }] of claims.toSorted((a, b) => a.want - b.want).entries()) {
      const part = Math.min(want, available / (claims.length - at));
      shares[id] = (shares[id] ?? 0) + part;
      available -= part;
    }
  };
  const kept = Math.min(total * backgroundPart, sum(Object.values(demands).map(({ background }) => background)));
  give(total - kept, ({ interactive }) => interactive);
  give(total - sum(Object.values(shares)), ({ background }) => background);
  give(total - sum(Object.values(shares)), () => total);
  if (!whole) return shares;
  let [exact, given] = [0, 0];
  return mapValues(shares, (share) => {
    exact += share;
    const part = Math.round(exact) - given;
    given += part;
    return part;
  });
}
