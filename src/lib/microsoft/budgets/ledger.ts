const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A number from 0; anything else counts as 0. */
const numberIn = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;

/** What a member wants of a budget. All numbers are 0 or more. */
export interface Demand {
  /** Units that callers could use, and how many callers wait for them. */
  readonly interactive: number;
  readonly callers: number;
  /** Units that jobs and renewals ahead of time could use, and how many runs wait for them. */
  readonly background: number;
  readonly runs: number;
}

export const noDemand: Demand = { interactive: 0, callers: 0, background: 0, runs: 0 };

/** The part of a budget that a member holds. */
export interface Entry extends Demand {
  readonly share: number;
}

/**
 * Who shares the budgets, and how. There is one for all budgets, so that a member pays for one row however many budgets it
 * uses. It holds no time: clocks of instances differ.
 */
export interface Ledger {
  /** By id of the member: a number that grows with each of its writes. */
  readonly members: Readonly<Record<string, number>>;
  /** By name of the budget and id of the member. Of a budget that is not listed, each member holds an equal part. */
  readonly budgets: Readonly<Record<string, Readonly<Record<string, Entry>>>>;
  /** By name of a budget or a part of one: milliseconds from the write of the ledger until requests may leave again. */
  readonly pauses: Readonly<Record<string, number>>;
}

export const emptyLedger: Ledger = { members: {}, budgets: {}, pauses: {} };

type Row = readonly [share: number, interactive: number, callers: number, background: number, runs: number];

const twoDecimals = (value: number): number => Math.round(value * 100) / 100;

const rowOf = (entry: Entry): Row | 0 => {
  const { share, interactive, callers, background, runs } = entry;
  if (share + interactive + background === 0) return 0;
  // A share is rounded down, so that the parts never exceed the whole.
  return [Math.floor(share * 100) / 100, twoDecimals(interactive), callers, twoDecimals(background), runs];
};

/** A record with the same names. */
export const mapValues = <T, U>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => U,
): Record<string, U> => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));

/** The ledger as text of about 20 characters for each member and budget. */
export const encodeLedger = ({ members, budgets, pauses }: Ledger): string =>
  JSON.stringify({ v: 1, m: members, b: mapValues(budgets, (entries) => mapValues(entries, rowOf)), p: pauses });

/** Reads what {@link encodeLedger} wrote. Anything else, as from a newer version, is an empty ledger. Never throws. */
export function decodeLedger(text: string): Ledger {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return emptyLedger;
  }
  if (!isRecord(value) || value['v'] !== 1) return emptyLedger;
  return {
    members: numbersIn(value['m']),
    budgets: mapValues(recordsIn(value['b']), (entries) => mapValues(entries, entryOf)),
    pauses: numbersIn(value['p']),
  };
}

const recordsIn = (value: unknown): Record<string, Readonly<Record<string, unknown>>> =>
  isRecord(value)
    ? Object.fromEntries(Object.entries(value).flatMap(([name, item]) => (isRecord(item) ? [[name, item]] : [])))
    : {};

const numbersIn = (value: unknown): Record<string, number> =>
  isRecord(value) ? mapValues(value, (item) => numberIn(item)) : {};

function entryOf(row: unknown): Entry {
  const [share, interactive, callers, background, runs] = Array.isArray(row) ? row.map(numberIn) : [];
  return {
    share: share ?? 0,
    interactive: interactive ?? 0,
    callers: callers ?? 0,
    background: background ?? 0,
    runs: runs ?? 0,
  };
}

/** A ledger as it was read. */
export interface StoredLedger {
  readonly ledger: Ledger;
  /** The version to replace; undefined if there is no ledger yet. */
  readonly version: string | undefined;
  /** How long ago it was written, by the clock of the storage service, milliseconds. */
  readonly ageMs: number;
}

/** Keeps the ledger. Both methods throw if the store does not answer in time. */
export interface LedgerStore {
  read(): Promise<StoredLedger>;
  /** Replaces the version that was read. @returns false if somebody else has replaced it. */
  write(ledger: Ledger, version: string | undefined): Promise<boolean>;
}

/** How much of a budget goes to the background while callers could use all of it, so that jobs end. */
const backgroundPart = 1 / 8;

interface Claim {
  readonly id: string;
  readonly want: number;
  /** Number of callers or runs behind it, at least 1 if it wants anything. */
  readonly weight: number;
}

/**
 * Divides a budget among members by what they want. Callers come before the background, which gets one eighth at least.
 * Within each, requesters are equal, wherever they are: nobody gets more than it wants while others want more, and a member
 * with three callers gets three times as much as one with one. What nobody wants is divided equally, for those who want more
 * before the next division. Pure.
 * @param whole The shares are whole numbers. Their sum is `total` in any case.
 */
export function fairShares(
  total: number,
  demands: Readonly<Record<string, Demand>>,
  whole: boolean,
): Readonly<Record<string, number>> {
  const members = Object.entries(demands).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const shares = new Map(members.map(([id]) => [id, 0]));
  const give = (available: number, claims: readonly Claim[]): void => {
    for (const [id, part] of waterFill(available, claims)) shares.set(id, (shares.get(id) ?? 0) + part);
  };
  const left = (): number => total - sum(shares.values());
  const background = members.map(([id, { background: want, runs: weight }]) => ({ id, want, weight }));
  const interactive = members.map(([id, { interactive: want, callers: weight }]) => ({ id, want, weight }));
  const kept = Math.min(total * backgroundPart, sum(background.map(({ want }) => want)));
  give(total - kept, interactive);
  give(left(), background);
  give(
    left(),
    members.map(([id]) => ({ id, want: total, weight: 1 })),
  );
  return Object.fromEntries(whole ? rounded(total, shares) : shares);
}

/** Raises all claims together, each by its weight, until they are met or nothing is left. */
function waterFill(available: number, claims: readonly Claim[]): Map<string, number> {
  const given = new Map<string, number>();
  let open = claims.filter(({ want }) => want > 0);
  let left = available;
  while (open.length > 0 && left > 0) {
    const level = left / sum(open.map(weightOf));
    const met = open.filter((claim) => claim.want <= level * weightOf(claim));
    // If none is met, all get what is left.
    for (const claim of met.length === 0 ? open : met) {
      const part = Math.min(claim.want, level * weightOf(claim));
      given.set(claim.id, part);
      left -= part;
    }
    open = met.length === 0 ? [] : open.filter((claim) => !met.includes(claim));
  }
  return given;
}

const weightOf = ({ weight }: Claim): number => Math.max(1, weight);

/** Whole numbers with the sum `total`, each less than 1 from its share: those that lose most are rounded up. */
function rounded(total: number, shares: ReadonlyMap<string, number>): Map<string, number> {
  const floors = new Map([...shares].map(([id, share]) => [id, Math.floor(share + 1e-9)]));
  const missing = Math.max(0, Math.round(total - sum(floors.values())));
  const losses = [...shares].map(([id, share]) => ({ id, loss: share - (floors.get(id) ?? 0) }));
  for (const { id } of losses.toSorted((a, b) => b.loss - a.loss).slice(0, missing)) {
    floors.set(id, (floors.get(id) ?? 0) + 1);
  }
  return floors;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
