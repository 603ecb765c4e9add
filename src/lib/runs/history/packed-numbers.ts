import type { HistoryPart, HistorySplit, NamedNumbers } from './result-history.ts';
import type { Numbers, TenantNumbers } from './tenant-numbers.ts';

/**
 * Numbers of several tenants as JSON. Names and values are written once for all of them, as `names`, `by` and `values`. A tenant
 * has `[[rows, …]]`, one number for each name, and if its numbers are split `[[rows, …], [[value, rows, …], …]]`, where `value`
 * is a place in `values`.
 */

/** Texts that are written once. */
class Dictionary {
  readonly texts: string[] = [];
  /** As JSON, in characters. */
  length = 0;
  readonly #places = new Map<string, number>();

  placeOf(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    this.#places.set(text, this.texts.length);
    this.length += JSON.stringify(text).length + 1;
    return this.texts.push(text) - 1;
  }
}

/** Packs the numbers of tenants of one run. */
export class Packer {
  readonly #names = new Dictionary();
  readonly #values = new Dictionary();
  #by: string | undefined;

  /** Length of what `dictionary` returns, as JSON, in characters. */
  get length(): number {
    return this.#names.length + this.#values.length;
  }

  /** The column of the split is the same for all: tenants of a run have one job, unless it is deployed again meanwhile. */
  pack({ names, all, split }: TenantNumbers, withSplit = true): unknown[] {
    const places = names.map((name) => this.#names.placeOf(name));
    const line = aligned(all, places);
    if (!withSplit || split === undefined || (this.#by ?? split.by) !== split.by) return [line];
    this.#by = split.by;
    return [line, split.values.map(([value, numbers]) => [this.#values.placeOf(value), ...aligned(numbers, places)])];
  }

  dictionary(): Readonly<Record<string, unknown>> {
    const names = this.#names.texts;
    return this.#by === undefined ? { names } : { names, by: this.#by, values: this.#values.texts };
  }
}

/** The numbers at the places of their names. */
function aligned([rows, ...more]: Numbers, places: readonly number[]): (number | null)[] {
  const line: (number | null)[] = [rows];
  for (const [at, number] of more.entries()) line[(places[at] ?? 0) + 1] = number;
  return Array.from(line, (number) => number ?? null);
}

/**
 * Reads packed numbers. What is damaged counts as missing. Of the names and values, a tenant has only its own: those of others
 * may be secret for whoever reads.
 */
export class Unpacker {
  readonly #names: readonly string[];
  readonly #by: string | undefined;
  readonly #values: readonly string[];
  readonly #part: HistoryPart | undefined;

  /** @param part of the rows. Default: all. */
  constructor({ names, by, values }: Readonly<Record<string, unknown>>, part: HistoryPart | undefined) {
    this.#names = textsIn(names);
    this.#by = typeof by === 'string' ? by : undefined;
    this.#values = textsIn(values);
    this.#part = part;
  }

  /** The wanted numbers of a tenant. @returns undefined if they were not counted. */
  unpack(packed: readonly unknown[]): NamedNumbers | undefined {
    const [line, parts] = packed;
    const all = this.#numbersIn(line);
    if (this.#part === undefined || all?.numbers[0] === 0) return all;
    if (all === undefined || this.#by !== this.#part.by || !Array.isArray(parts)) return undefined;
    const place = this.#values.indexOf(this.#part.value);
    const found: unknown = parts.find((part) => Array.isArray(part) && part[0] === place);
    return Array.isArray(found) ? this.#numbersIn(found.slice(1)) : { names: [], numbers: [0] };
  }

  /** How the numbers of a tenant are split. @returns undefined if they are not. */
  splitOf([, parts]: readonly unknown[]): HistorySplit | undefined {
    if (this.#by === undefined || !Array.isArray(parts)) return undefined;
    const values = parts.flatMap((part) => (Array.isArray(part) ? (this.#values[Number(part[0])] ?? []) : []));
    return { by: this.#by, values };
  }

  #numbersIn(line: unknown): NamedNumbers | undefined {
    if (!Array.isArray(line) || typeof line[0] !== 'number') return undefined;
    const [rows, ...more] = line as [number, ...unknown[]];
    const known = this.#names.flatMap((name, at) => {
      const number = more[at];
      return typeof number === 'number' ? [[name, number] as const] : [];
    });
    return { names: known.map(([name]) => name), numbers: [rows, ...known.map(([, number]) => number)] };
  }
}

const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
