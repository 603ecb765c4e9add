import { plainValue } from './customer-data.ts';

/**
 * Largest data of an answer in bytes of its JSON: about 12,000 tokens. Clients cut or refuse longer results; Claude Code, for
 * example, allows 25,000 tokens.
 */
export const maxDataBytes = 40_000;
/** Characters that are left of a long text in an item that does not fit. */
const keptCharacters = 300;
/** Members of an object up to this size are kept before larger ones: ids and names stand among them. */
const smallBytes = 1_000;
/** Room for the sentence that says that something is left out. */
const sentenceBytes = 150;

/** Bytes of a value as JSON, with its invisible characters shown by their numbers. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(plainValue(value)) ?? '');

/** A list that was cut to a size. */
export interface Fitted<T> {
  readonly items: readonly T[];
  /** Number of items at the end that were left off. */
  readonly leftOff: number;
  /** Whether parts of the only item were left out, because it did not fit alone. */
  readonly isShortened: boolean;
}

/** A note for answers with a shortened item. */
export const shortenedNote =
  'Something was too large: its long texts, lists or properties are cut, and marked with "cut".';

/**
 * Returns as many items from the start as fit, at least one. If the first one alone does not fit, it is shortened.
 * @param maxBytes of the JSON of all items.
 */
export function fit<T>(items: readonly T[], maxBytes: number = maxDataBytes): Fitted<T> {
  const count = countFitting(items, maxBytes);
  const [first] = items;
  if (count > 0 || first === undefined)
    return { items: items.slice(0, count), leftOff: items.length - count, isShortened: false };
  return { items: [shortened(first, maxBytes - 2) as T], leftOff: items.length - 1, isShortened: true };
}

function countFitting(items: readonly unknown[], maxBytes: number): number {
  let bytes = 2;
  let count = 0;
  for (const item of items) {
    bytes += sizeOf(item) + 1;
    // The last item has no comma.
    if (bytes - 1 > maxBytes) break;
    count += 1;
  }
  return count;
}

/** A text with at most 300 characters. */
export const shortText = (text: string): string =>
  text.length <= keptCharacters ? text : `${text.slice(0, keptCharacters)}… [cut]`;

/**
 * A value with its long texts cut. If that does not suffice, an object keeps the members that fit, the small ones first, so that
 * it can still be told what it is. Other values become one sentence.
 */
export function shortened(value: unknown, maxBytes: number = maxDataBytes): unknown {
  const bytes = sizeOf(value);
  if (bytes <= maxBytes) return value;
  const short = withShortTexts(value);
  if (sizeOf(short) <= maxBytes) return short;
  const cut = `This has ${bytes} bytes, and parts of it are left out. Ask for fewer properties.`;
  return isObject(short) ? { ...withFewerMembers(short, maxBytes - sentenceBytes), cut } : { cut };
}

function withShortTexts(value: unknown): unknown {
  if (typeof value === 'string') return shortText(value);
  if (Array.isArray(value)) return value.map(withShortTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withShortTexts(item)]));
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Small members as they are, while they fit. The others share what is left. */
function withFewerMembers(value: JsonObject, maxBytes: number): JsonObject {
  const members = Object.entries(value).filter(([, item]) => item !== undefined);
  const kept = new Map<string, unknown>();
  let left = maxBytes - 2;
  const keep = (name: string, item: unknown): void => {
    const bytes = sizeOf({ [name]: item }) - 1;
    if (bytes > left) return;
    kept.set(name, item);
    left -= bytes;
  };
  const large: (readonly [string, unknown])[] = [];
  for (const [name, item] of members) {
    if (sizeOf(item) > smallBytes) large.push([name, item]);
    else keep(name, item);
  }
  large.forEach(([name, item], index) => {
    keep(name, trimmed(item, Math.floor(left / (large.length - index)) - sizeOf(name) - 2));
  });
  return Object.fromEntries(members.filter(([name]) => kept.has(name)).map(([name]) => [name, kept.get(name)]));
}

/** A part of a list or an object of that size. Texts were shortened before. */
function trimmed(value: unknown, maxBytes: number): unknown {
  if (sizeOf(value) <= maxBytes) return value;
  if (Array.isArray(value)) return value.slice(0, countFitting(value, maxBytes));
  return isObject(value) ? withFewerMembers(value, maxBytes) : value;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
