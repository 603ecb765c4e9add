import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { asObject, defined, type JsonObject, textsIn } from '../../core/objects.ts';
import { parseJson } from '../../core/outbound.ts';
import {
  Columns,
  group,
  lengthOfPieces,
  number,
  pieces,
  type Properties,
  type Stored,
} from '../../core/rows/columns.ts';
import {
  type HistoryOutcome,
  historyOutcomes,
  type HistoryPart,
  type HistorySplit,
  type HistoryTenant,
  type HistoryTotals,
  maxSplitValues,
  type NamedNumbers,
  type Numbers,
  NumbersSum,
  type TenantNumbers,
  type TenantPoint,
} from './tenant-numbers.ts';

/** The object that a text contains as JSON, or an empty one. */
const jsonRecord = (text: string | undefined): JsonObject => asObject(parseJson(text ?? ''));

/** An entity takes at most 1 MiB, two bytes for a character. */
const maxPieces = 16;
const maxPiecesLength = lengthOfPieces(maxPieces);

// Numbers of several tenants as JSON. Names and values are written once for all of them, as `names`, `by` and `values`. A tenant
// has `[[rows, …]]`, one number for each name, and if its numbers are split `[[rows, …], [[value, rows, …], …]]`, where `value`
// is an index in `values`.

/** Texts that are written once. */
class Dictionary {
  readonly texts: string[] = [];
  /** As JSON, in characters. */
  length = 0;
  readonly #indexes = new Map<string, number>();

  indexOf(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    this.#indexes.set(text, this.texts.length);
    this.length += JSON.stringify(text).length + 1;
    return this.texts.push(text) - 1;
  }
}

/** Packs the numbers of tenants of one run. */
class Packer {
  readonly #names = new Dictionary();
  readonly #values = new Dictionary();
  #by: string | undefined;

  /** Length of what `dictionary` returns, as JSON, in characters. */
  get length(): number {
    return this.#names.length + this.#values.length;
  }

  /** The column of the split is the same for all: tenants of a run have one job, unless it is deployed again meanwhile. */
  pack({ names, all, split }: TenantNumbers, withSplit = true): unknown[] {
    const indexes = names.map((name) => this.#names.indexOf(name));
    const line = aligned(all, indexes);
    if (!withSplit || split === undefined || (this.#by ?? split.by) !== split.by) return [line];
    this.#by = split.by;
    return [line, split.values.map(([value, numbers]) => [this.#values.indexOf(value), ...aligned(numbers, indexes)])];
  }

  dictionary(): JsonObject {
    const names = this.#names.texts;
    return this.#by === undefined ? { names } : { names, by: this.#by, values: this.#values.texts };
  }
}

/** The numbers at the indexes of their names. */
function aligned([rows, ...more]: Numbers, indexes: readonly number[]): (number | null)[] {
  const line: (number | null)[] = [rows];
  for (const [at, number] of more.entries()) line[(indexes[at] ?? 0) + 1] = number;
  return Array.from(line, (number) => number ?? null);
}

/**
 * Reads packed numbers. What is damaged counts as missing. Of the names and values, a tenant has only its own: those of others
 * may be secret for whoever reads.
 */
class Unpacker {
  readonly #names: readonly string[];
  readonly #by: string | undefined;
  readonly #values: readonly string[];
  readonly #part: HistoryPart | undefined;

  /** @param part of the rows. Default: all. */
  constructor({ names, by, values }: JsonObject, part: HistoryPart | undefined) {
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
    const index = this.#values.indexOf(this.#part.value);
    const found: unknown = parts.find((part) => Array.isArray(part) && part[0] === index);
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

export const shardColumns = new Columns({ tenants: pieces(maxPieces).lenient() });

/** What surrounds names, values and tenants, in characters. */
const frameLength = 200;
/** Splits fill at most half of a row, so that there is room for further tenants without them. */
const maxSplitLength = maxPiecesLength / 2;

/** Writes what a run brought in some tenants: packed numbers, or the outcome, under the id of each tenant. */
export class ShardText {
  readonly #packer = new Packer();
  readonly #tenants: string[] = [];
  #length = 0;

  /** @throws RangeError if the row is full. Before that, tenants lose their split. */
  add({ tenantId, outcome, rows, numbers = { names: [], all: [rows] } }: HistoryTenant): void {
    const hasRoom = this.#length + this.#packer.length < maxSplitLength;
    const packed = outcome === 'succeeded' ? this.#packer.pack(numbers, hasRoom) : outcome;
    const text = `"${tenantId}":${JSON.stringify(packed)}`;
    this.#tenants.push(text);
    this.#length += text.length + 1;
    if (this.#length + this.#packer.length + frameLength > maxPiecesLength)
      throw new RangeError('the history of these tenants is too long for a row');
  }

  /** The properties of the row. */
  properties(): Record<string, Stored> {
    const dictionary = JSON.stringify(this.#packer.dictionary()).slice(0, -1);
    return shardColumns.encode({ tenants: `${dictionary},"tenants":{${this.#tenants.join(',')}}}` });
  }
}

/** Reads what {@link ShardText} has written. */
export class ReadShard {
  readonly #unpacker: Unpacker;
  readonly #tenants: JsonObject;

  constructor(row: Properties, part: HistoryPart | undefined) {
    const content = jsonRecord(shardColumns.require(row).tenants);
    this.#unpacker = new Unpacker(content, part);
    this.#tenants = asObject(content['tenants']);
  }

  tenantIds(): readonly TenantId[] {
    return Object.keys(this.#tenants).flatMap((id) => parseTenantId(id) ?? []);
  }

  /** @returns undefined if the run did not concern the tenant. */
  point(tenantId: TenantId): TenantPoint | undefined {
    const entry = Object.hasOwn(this.#tenants, tenantId) ? this.#tenants[tenantId] : undefined;
    if (Array.isArray(entry)) {
      const [found, split] = [this.#unpacker.unpack(entry), this.#unpacker.splitOf(entry)];
      return defined({ outcome: 'succeeded', found, split });
    }
    const outcome = historyOutcomes.find((known): known is HistoryOutcome => known === entry);
    return outcome && { outcome };
  }
}

const count = number.or(0);
export const totalsColumns = new Columns({
  outcomes: group({ succeeded: count, failed: count, skipped: count, not_attempted: count.as('notAttempted') }),
  totals: pieces(maxPieces).lenient(),
});

/** Adds what a run brought in all tenants. */
export class Totals {
  readonly #outcomes = { succeeded: 0, failed: 0, skipped: 0, not_attempted: 0 };
  readonly #all = new NumbersSum();
  readonly #values = new Map<string, NumbersSum>();
  #by: string | undefined;
  /** Tenants whose numbers are split. Those without rows are, too. */
  #splitTenants = 0;

  add({ outcome, rows, numbers }: HistoryTenant): void {
    this.#outcomes[outcome] += 1;
    if (outcome !== 'succeeded') return;
    this.#all.add(numbers?.names ?? [], numbers?.all ?? [rows]);
    if (rows === 0) this.#splitTenants += 1;
    if (numbers?.split === undefined || (this.#by ?? numbers.split.by) !== numbers.split.by) return;
    this.#by = numbers.split.by;
    this.#splitTenants += 1;
    for (const [value, some] of numbers.split.values) {
      const sum = this.#values.get(value) ?? new NumbersSum();
      this.#values.set(value, sum);
      sum.add(numbers.names, some);
    }
  }

  /** The properties of the row. */
  properties(): Record<string, Stored> {
    let values = maxSplitValues;
    let totals = this.#text(values);
    // With many columns, fewer values fit into a row. Without values, the text always does.
    while (totals.length > maxPiecesLength) totals = this.#text((values = Math.floor(values / 2)));
    return totalsColumns.encode({ outcomes: this.#outcomes, totals });
  }

  /** @param most values of the split. Those with the fewest rows are left out. */
  #text(most: number): string {
    const packer = new Packer();
    return JSON.stringify({
      total: packer.pack(this.#sum(most)),
      ...packer.dictionary(),
      counted: this.#all.counted,
      splitCounted: this.#splitTenants,
      ...(this.#values.size > most ? { isCut: true } : {}),
    });
  }

  #sum(most: number): TenantNumbers {
    const { names, numbers } = this.#all.result();
    if (this.#by === undefined) return { names, all: numbers };
    const values = [...this.#values]
      .map(([value, sum]) => [value, sum.result(names).numbers] as const)
      .toSorted(([, [a]], [, [b]]) => b - a)
      .slice(0, most)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return { names, all: numbers, split: { by: this.#by, values } };
  }
}

/** Reads what {@link Totals} has written. @param part of the rows. Default: all. */
export function readTotals(row: Properties, part: HistoryPart | undefined): HistoryTotals {
  const { outcomes, totals } = totalsColumns.require(row);
  const content = jsonRecord(totals);
  const total = Array.isArray(content['total']) ? content['total'] : [];
  const unpacker = new Unpacker(content, part);
  const split = unpacker.splitOf(total);
  const isLeftOut = content['isCut'] === true && part !== undefined && split?.values.includes(part.value) !== true;
  const known = content[part === undefined ? 'counted' : 'splitCounted'];
  const counted = typeof known === 'number' ? known : 0;
  // The sum of no tenant is not zero.
  const sum = isLeftOut || counted === 0 ? undefined : unpacker.unpack(total);
  return defined({ outcomes, sum: sum && { ...sum, counted }, split });
}
