/*
 * What a record says about its place in the chain of its instance, in two columns (docs/audit.md). Each process that writes
 * records has a chain of its own.
 */

/** The column `chain`. */
export interface ChainLink {
  /** Id of the chain: a random UUID. */
  readonly id: string;
  /** Place of the record in it, from 1, without gaps. */
  readonly seq: number;
  /** All places up to this one are settled: the record is durable, or its write has failed and {@link LostRange} says so. */
  readonly settled: number;
  /** Hash of the record before. Empty for the first. */
  readonly previous: string;
}

/** Places whose write failed. Nobody got what those records were for, and each of them may exist or not. */
export interface LostRange {
  readonly first: number;
  readonly last: number;
  /** Hash of the record before the first. Empty if that is the start of the chain. */
  readonly before: string;
}

export const writeLink = ({ id, seq, settled, previous }: ChainLink): string => `${id}.${seq}.${settled}.${previous}`;

/** The id of a chain, as `randomUUID` writes it. A checkpoint accepts no other. */
export const chainIdPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const linkPattern = /^([0-9a-f-]{36})\.([1-9]\d{0,14})\.(\d{1,15})\.([\w-]{43}|)$/;

/** The link in the column `chain`; undefined for text that no version has written. */
export function readLink(text: unknown): ChainLink | undefined {
  const [, id, seq, settled, previous] = (typeof text === 'string' ? linkPattern.exec(text) : null) ?? [];
  if (id === undefined || previous === undefined || !chainIdPattern.test(id)) return undefined;
  return { id, seq: Number(seq), settled: Number(settled), previous };
}

export const writeLost = (ranges: readonly LostRange[]): string =>
  ranges.map(({ first, last, before }) => `${first}-${last}.${before}`).join(' ');

const lostPattern = /^([1-9]\d{0,14})-([1-9]\d{0,14})\.([\w-]{43}|)$/;

/** The ranges in the column `chainLost`. Ignores what no version has written: it excuses nothing. */
export function readLost(text: unknown): readonly LostRange[] {
  if (typeof text !== 'string') return [];
  return text.split(' ').flatMap((part) => {
    const [, first, last, before] = lostPattern.exec(part) ?? [];
    return before === undefined ? [] : [{ first: Number(first), last: Number(last), before }];
  });
}
