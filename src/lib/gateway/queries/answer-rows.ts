import { smallAnswerBytes } from '../../core/collect-answer.ts';
import { Limiter } from '../../core/limiter.ts';
import { isObject } from '../../core/objects.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseSteps } from '../../core/json.ts';
import { inTurns, joinSteps, turnFor } from '../../core/turns.ts';
import { scrub } from '../../core/log.ts';
import { JsonLines, objectRow, type StoredRow } from '../../runs/job/row.ts';
import type { QueryRows } from '../../runs/engine/tenant-run.ts';
import { maxListLength } from '../../runs/store/run-entity.ts';

/** What a query keeps of a tenant at most. {@link RowMemory} limits all tenants of an instance together. */
export const rowLimits = { rows: 50_000, bytes: 16 * 1024 * 1024, rowBytes: 1024 * 1024 } as const;

/** A page of an answer. */
export interface AnswerPage {
  readonly rows: Iterable<StoredRow>;
  /** Link to the next page, as the gateway rewrote it. */
  readonly next: string | undefined;
}

/**
 * The rows of an answer: the members of `value`, or the one object.
 * @throws BrokerError request_invalid for an answer that has no rows.
 */
export async function pageOf(contentType: string | undefined, body: Uint8Array): Promise<AnswerPage> {
  if (body.length === 0) return { rows: [], next: undefined };
  await turnFor(body);
  const answer = await parsed(
    contentType,
    Buffer.from(body.buffer, body.byteOffset, body.byteLength)
      .toString('utf8')
      .replace(/^\uFEFF/, ''),
  );
  if (!isObject(answer)) return { rows: rowsOf(listOf(answer)), next: undefined };
  const { value } = answer;
  const next = answer['@odata.nextLink'] ?? answer['@nextLink'];
  // An object may have a property `value` that is a list, beside others.
  const isList = next !== undefined || Object.keys(answer).every((name) => name === 'value' || name.includes('@'));
  if (!Array.isArray(value) || !isList) return { rows: [rowOf(answer)], next: undefined };
  return { rows: rowsOf(value), next: typeof next === 'string' ? next : undefined };
}

const listOf = (answer: unknown): readonly unknown[] => (Array.isArray(answer) ? answer : [answer]);

/** Made when they are read: a collector may take only some. */
function* rowsOf(items: readonly unknown[]): Generator<StoredRow> {
  for (const item of items) yield rowOf(item);
}

async function parsed(contentType = '', text: string): Promise<unknown> {
  // `/users/$count` is a plain number.
  if (/^text\/plain\b/i.test(contentType) && /^\d{1,15}$/.test(text.trim())) return Number(text);
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) {
    const type = scrub(contentType).slice(0, 60) || 'no type';
    throw new BrokerError('request_invalid', `Microsoft Graph answers with ${type}; a query reads JSON only.`);
  }
  try {
    return await inTurns(parseSteps(text));
  } catch (cause) {
    throw new BrokerError('resource_error', 'Microsoft Graph answers with JSON that cannot be read.', { cause });
  }
}

const rowOf = (item: unknown): StoredRow => (isObject(item) ? objectRow(item) : { value: item });

/** Memory for answers and rows of all tenants that this instance asks. */
export class RowMemory {
  readonly #limit: number;
  readonly #large = new Limiter(1);
  #taken = 0;

  /** @param limit Bytes of rows. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws BrokerError busy if other tenants hold what is left. It does not wait: tenants that hold rows would wait for each other. */
  take(bytes: number): void {
    if (this.#taken + bytes > this.#limit) {
      throw new BrokerError('busy', 'The rows of other tenants take all the memory that this instance has for rows.');
    }
    this.#taken += bytes;
  }

  give(bytes: number): void {
    this.#taken -= bytes;
  }

  /**
   * Does work that needs several times the memory of its input: parsing an answer, or joining the rows of a tenant. Large inputs
   * wait for each other.
   * @param bytes of the input.
   */
  one<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return bytes > smallAnswerBytes ? this.#large.run(work) : work();
  }
}

/** Collects the rows of one tenant, as they are stored. */
export class RowCollector {
  readonly #memory: RowMemory;
  readonly #parts: Uint8Array[] = [];
  readonly #columns = new Set<string>();
  #columnsLength = 0;
  #columnsCut = false;
  #bytes = 0;
  #count = 0;
  #tooLarge = 0;

  constructor(memory: RowMemory) {
    this.#memory = memory;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * A row that is too large is left out. Others may have their turn meanwhile.
   * @returns false if rows were left out because there are too many.
   * @throws BrokerError busy, see {@link RowMemory}.
   */
  add(rows: Iterable<StoredRow>): Promise<boolean> {
    return inTurns(this.#addSteps(rows));
  }

  *#addSteps(rows: Iterable<StoredRow>): Generator<void, boolean> {
    const lines = new JsonLines();
    let [bytes, count, isWhole] = [0, 0, true];
    for (const row of rows) {
      yield;
      const safe = yield* safeRow(row);
      if (safe === undefined) {
        this.#tooLarge += 1;
        continue;
      }
      const length = Buffer.byteLength(safe.line) + 1;
      isWhole = this.#count + count < rowLimits.rows && this.#bytes + bytes + length <= rowLimits.bytes;
      if (!isWhole) break;
      for (const name of Object.keys(safe.row)) this.#addColumn(name);
      lines.add(safe.line);
      bytes += length;
      count += 1;
    }
    this.#memory.take(bytes);
    this.#parts.push(...lines.parts());
    this.#bytes += bytes;
    this.#count += count;
    return isWhole;
  }

  #addColumn(name: string): void {
    if (this.#columns.has(name)) return;
    const length = JSON.stringify(name).length + 1;
    if (this.#columnsLength + length > maxColumnsLength) {
      this.#columnsCut = true;
      return;
    }
    this.#columns.add(name);
    this.#columnsLength += length;
  }

  /**
   * The rows so far. Their memory is given back by `release`.
   * @param missing why rows are missing.
   */
  async done(missing?: string): Promise<QueryRows> {
    const whys = [missing, this.#tooLarge === 0 ? undefined : tooLarge(this.#tooLarge)].filter(isText);
    const notes = [...whys, this.#columnsCut ? columnsCut : undefined].filter(isText);
    return {
      jsonLines: await this.#memory.one(this.#bytes, () => inTurns(joinSteps(this.#parts.splice(0)))),
      count: this.#count,
      columns: [...this.#columns],
      ...(whys.length === 0 ? {} : { missing: whys.join(' ') }),
      ...(notes.length === whys.length ? {} : { note: notes.join(' ') }),
      release: () => this.release(),
    };
  }

  /** Gives the memory of the rows back. */
  release(): void {
    this.#memory.give(this.#bytes);
    this.#bytes = 0;
  }
}

const isText = (text: string | undefined): text is string => text !== undefined;

/** The record of a tenant keeps this many characters of names of columns (`listText`). */
const maxColumnsLength = maxListLength - 2;

const tooLarge = (rows: number): string => `Rows of more than 1 MiB are left out: ${rows}.`;

const columnsCut = 'The rows have more properties than a CSV shows; JSON Lines have all.';

/**
 * Text that looks like a token is replaced: rows are kept, and whoever reads them may not be allowed to hold tokens. What is
 * left is looked at as a whole once more. Done in steps.
 * @returns undefined for a row that is too large.
 */
function* safeRow(row: StoredRow): Generator<void, { readonly row: StoredRow; readonly line: string } | undefined> {
  // Before any other work: what takes a moment for 1 MiB takes a second for 20.
  if ((yield* leastLength(row, rowLimits.rowBytes)) > rowLimits.rowBytes) return undefined;
  const line = JSON.stringify(row);
  if (!isShort(line)) return undefined;
  if (scrub(line) === line) return { row, line };
  const scrubbed = yield* scrubbedObject(row);
  const safe = JSON.stringify(scrubbed);
  if (!isShort(safe)) return undefined;
  return scrub(safe) === safe ? { row: scrubbed, line: safe } : removedRow;
}

/** With the end of the line. */
const isShort = (line: string): boolean => Buffer.byteLength(line) < rowLimits.rowBytes;

/** How long the JSON of a value is without escapes, in bytes, in steps. Does not count on beyond the most. */
function* leastLength(value: unknown, most: number): Generator<void, number> {
  if (typeof value === 'string') return Buffer.byteLength(value) + 2;
  if (typeof value !== 'object' || value === null) return String(value).length;
  const items: Iterable<unknown> = Array.isArray(value) ? value : Object.entries(value).flat();
  // A bracket more than there are signs between the items.
  let length = 1;
  for (const item of items) {
    if (length > most) break;
    yield;
    length += 1 + (yield* leastLength(item, most - length));
  }
  return length;
}

const removed = { removed: 'The row looks as if it held a secret.' };
const removedRow = { row: removed, line: JSON.stringify(removed) };

function* scrubbedObject(row: StoredRow): Generator<void, StoredRow> {
  const members: [string, unknown][] = [];
  for (const [name, value] of Object.entries(row)) members.push([scrub(name), yield* scrubbed(name, value)]);
  return Object.fromEntries(members);
}

/** @param name of the property, or of the one that has the list: some names give a secret away (`refresh_token`). */
function* scrubbed(name: string, value: unknown): Generator<void, unknown> {
  yield;
  const isList = Array.isArray(value);
  const probe = isList ? [] : isObject(value) ? {} : typeof value === 'string' ? scrub(value) : value;
  const text = JSON.stringify({ [name]: probe });
  if (scrub(text) !== text) return '[secret]';
  if (isObject(value)) return yield* scrubbedObject(value);
  if (!isList) return probe;
  const items: unknown[] = [];
  for (const item of value) items.push(yield* scrubbed(name, item));
  return items;
}
