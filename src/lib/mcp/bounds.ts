import { plainValue } from './customer-data.ts';

/**
 * Largest data of an answer in bytes of its JSON: about 12,000 tokens. Clients cut or refuse longer results; Claude Code, for
 * example, allows 25,000 tokens.
 */
export const maxDataBytes = 40_000;
/** Characters that are left of a long text in an item that does not fit. */
const keptCharacters = 300;

/** Bytes of a value as JSON, with its invisible characters shown by their numbers. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(plainValue(value)) ?? '');

/** A list that was cut to a size. */
export interface Fitted<T> {
  readonly items: readonly T[];
  /** Whether items were left off, or texts within the only item were cut. */
  readonly cut: boolean;
}

/**
 * Returns as many items from the start as fit, at least one. If the first one alone does not fit, its long texts are cut.
 * @param maxBytes of the JSON of all items.
 */
export function fit<T>(items: readonly T[], maxBytes: number = maxDataBytes): Fitted<T> {
  let bytes = 2;
  let count = 0;
  for (const item of items) {
    bytes += sizeOf(item) + 1;
    if (bytes > maxBytes) break;
    count += 1;
  }
  if (count === items.length) return { items, cut: false };
  const [first] = items;
  if (count > 0 || first === undefined) return { items: items.slice(0, count), cut: true };
  return { items: [shortened(first, maxBytes) as T], cut: true };
}

/** A value with its long texts cut; one sentence if that does not suffice. Keeps the type of an object. */
export function shortened(value: unknown, maxBytes: number = maxDataBytes): unknown {
  if (sizeOf(value) <= maxBytes) return value;
  const short = withShortTexts(value);
  if (sizeOf(short) <= maxBytes) return short;
  return { cut: `This item has ${sizeOf(value)} bytes. Ask for fewer of its properties.` };
}

function withShortTexts(value: unknown): unknown {
  if (typeof value === 'string')
    return value.length <= keptCharacters ? value : `${value.slice(0, keptCharacters)}… [cut]`;
  if (Array.isArray(value)) return value.map(withShortTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withShortTexts(item)]));
}
