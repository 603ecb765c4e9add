import { BrokerError } from '../../core/errors.ts';
import { atOnce, joinSteps, pieceLength } from '../../core/turns.ts';
import { scrub } from '../../core/log.ts';
import type { Secret } from '../../core/secrets.ts';
import type { JsonObject } from '../../core/objects.ts';
import { type Counting, RowCounter, type TenantNumbers } from '../history/tenant-numbers.ts';

/** Minimum length of an encoded form; shorter ones would match by chance. */
const minFormLength = 16;

/**
 * Returns the texts that reveal a secret: the secret itself, and its base64 and base64url forms. Inside a longer encoded
 * text the secret can start at three offsets within a group of three bytes. Each form contains only the characters that
 * do not depend on neighbouring bytes.
 */
export function secretForms(secret: Secret): readonly string[] {
  const bytes = Buffer.from(secret.reveal());
  const encoded = [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((shifted.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((form) => shifted.toString(form).slice(first, last));
  });
  return [secret.reveal(), ...new Set(encoded.filter((text) => text.length >= minFormLength))];
}

export type RowValue = string | number | boolean | null;

/** One line of a result: flat, so that it fits a table, a CSV and a spreadsheet. */
export type Row = Readonly<Record<string, RowValue>>;

/** JSON Lines, as text or in UTF-8. */
export type RowText = string | Uint8Array;

/** A row as it is stored. Those of a query may have nested values, as JSON. */
export type StoredRow = JsonObject;

/** Columns that exports add before the columns of each row. */
export const tenantColumns = ['tenantId', 'tenantName', 'tenantDomain'] as const;
const reserved: ReadonlySet<string> = new Set(tenantColumns);

/** Maximum size of a tenant's rows as JSON Lines. A worker holds them in memory. */
const maxBytes = 32 * 1024 * 1024;
/** Maximum length of the text in a row, which is looked at in one turn. */
const maxRowLength = 2 * 1024 * 1024;

/** Validated rows, ready to be stored. */
export interface WrittenRows {
  /** JSON Lines in UTF-8. */
  readonly jsonLines: Uint8Array;
  readonly count: number;
  /** Column names in order of first appearance. */
  readonly columns: readonly string[];
  /** For the history. */
  readonly numbers?: TenantNumbers | undefined;
}

/**
 * Validates a job's result and converts it to JSON Lines. Readers of results may not be allowed to hold tokens. So rows
 * that contain a secret handed to this job (plain or in base64), or text that looks like a token, are rejected.
 * @param counting what the history keeps of the rows.
 * @throws BrokerError job_failed that names the row and column, never the value.
 */
export const writeRows = (...given: Parameters<typeof rowSteps>): WrittenRows => atOnce(rowSteps(...given));

/**
 * Collects JSON Lines in UTF-8, as they are stored. Text with one character beyond Latin-1 would take two bytes for each and count
 * to the heap, whose overflow ends the process; and a connection would encode all of it in one turn.
 */
export class JsonLines {
  readonly #parts: Uint8Array[] = [];
  #text = '';

  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length >= pieceLength) this.#encode();
  }

  #encode(): void {
    this.#parts.push(Buffer.from(this.#text));
    this.#text = '';
  }

  parts(): readonly Uint8Array[] {
    if (this.#text !== '') this.#encode();
    return this.#parts;
  }
}

/** The same in steps, between which others may have their turn. */
export function* rowSteps(
  returned: unknown,
  handedOut: readonly Secret[],
  counting: Counting,
): Generator<void, WrittenRows> {
  if (returned !== undefined && returned !== null && !Array.isArray(returned))
    refuse('The job must return a list of rows.');
  const rows: readonly unknown[] = Array.isArray(returned) ? returned : [];
  const columns = new Set<string>();
  const lines = new JsonLines();
  const counter = new RowCounter(counting);
  const forbidden = handedOut.flatMap(secretForms);
  let [bytes, count] = [0, 0];
  for (const [index, given] of rows.entries()) {
    const row = yield* checkedRow(given, index, forbidden);
    const line = JSON.stringify(row);
    yield;
    count += 1;
    for (const name of Object.keys(row)) columns.add(name);
    counter.add(row);
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > maxBytes) refuse(`The rows take more than ${maxBytes / 1024 / 1024} MiB.`);
    lines.add(line);
  }
  const jsonLines = yield* joinSteps(lines.parts());
  return { jsonLines, count, columns: [...columns], numbers: counter.result() };
}

function* checkedRow(row: unknown, index: number, forbidden: readonly string[]): Generator<void, Row> {
  const at = `Row ${index + 1}`;
  if (typeof row !== 'object' || row === null || Array.isArray(row)) refuse(`${at} is not an object.`);
  // Before any other work, which takes as long as the row is.
  let length = 0;
  for (const [name, value] of Object.entries(row))
    length += name.length + (typeof value === 'string' ? value.length : 0);
  if (length > maxRowLength) refuse(`${at} takes more than ${maxRowLength / 1024 / 1024} MiB.`);
  for (const [name, value] of Object.entries(row)) {
    yield;
    const column = `${at}, column "${scrub(name).slice(0, 60)}"`;
    if (reserved.has(name)) refuse(`${column}: the export adds this column itself.`);
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      refuse(`${column} is neither text, number, boolean nor null.`);
    if (typeof value === 'number' && !Number.isFinite(value)) refuse(`${column} is not a finite number.`);
    for (const text of typeof value === 'string' ? [name, value] : [name]) {
      if (scrub(text) !== text || forbidden.some((form) => text.includes(form))) {
        refuse(`${column} holds something that looks like a token.`);
      }
    }
  }
  return row as Row;
}

function refuse(why: string): never {
  throw new BrokerError('job_failed', why);
}

/** A property with the name of a column of the tenant gets `graph.` before it, so that neither hides the other. */
const columnOf = (property: string): string => (reserved.has(property) ? `graph.${property}` : property);

/**
 * An object of Microsoft Graph as a row. Its annotations describe the answer and not the object, and their links lead
 * elsewhere. Only the type is part of the object.
 */
export const objectRow = (object: JsonObject): StoredRow =>
  Object.fromEntries(
    Object.entries(object)
      .filter(([name]) => name === '@odata.type' || !name.includes('@'))
      .map(([name, value]) => [columnOf(name), value]),
  );

/** The cells of a row under these columns. A column that the row lacks is empty, also if its name is `constructor`. */
export const cellsOf = (row: StoredRow, columns: readonly string[]): unknown[] =>
  columns.map((name) => (Object.hasOwn(row, name) ? (row[name] ?? null) : null));

/** The names in `$select` of a path, in order. Graph accepts the option without its dollar sign and in another case. */
export function selectOf(path: string): readonly string[] {
  const at = path.indexOf('?');
  const options = at < 0 ? [] : path.slice(at + 1).split('&');
  for (const option of options) {
    const [name = '', value = ''] = option.split('=', 2).map(decoded);
    if (/^\$?select$/i.test(name))
      return value
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '');
  }
  return [];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/**
 * The columns of a query: those of `$select` in its order, then the others as they were found. Graph ignores the case of a
 * name in `$select`, and answers with its own spelling.
 */
export function selectedFirst(path: string, found: readonly string[]): readonly string[] {
  const spelled = new Map(found.map((name) => [name.toLowerCase(), name]));
  const selected = selectOf(path).map((name) => {
    const column = columnOf(name);
    return spelled.get(column.toLowerCase()) ?? column;
  });
  return [...new Set([...selected, ...found])];
}
