import { isRecord, numberIn } from './json.ts';

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
