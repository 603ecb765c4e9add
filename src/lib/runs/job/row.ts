import { BrokerError } from '../../core/errors.ts';
import { type Counting, RowCounter, type TenantNumbers } from '../history/tenant-numbers.ts';
import { scrub } from '../../core/log.ts';
import type { Secret } from '../../core/secret.ts';
import { secretForms } from './secret-forms.ts';

export type RowValue = string | number | boolean | null;

/** One line of a result: flat, so that it fits a table, a CSV and a spreadsheet. */
export type Row = Readonly<Record<string, RowValue>>;

/** JSON Lines, as text or in UTF-8. */
export type RowText = string | Uint8Array;

/** A row as it is stored. Those of a query may have nested values, as JSON. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** Columns that exports add before the columns of each row. */
export const tenantColumns = ['tenantId', 'tenantName', 'tenantDomain'] as const;

/** Maximum size of a tenant's rows as JSON Lines. A worker holds them in memory. */
const maxBytes = 32 * 1024 * 1024;

/** Validated rows, ready to be stored. */
export interface WrittenRows {
  readonly jsonLines: string;
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
export function writeRows(returned: unknown, handedOut: readonly Secret[], counting: Counting): WrittenRows {
  if (returned !== undefined && returned !== null && !Array.isArray(returned))
    refuse('The job must return a list of rows.');
  const rows: readonly unknown[] = Array.isArray(returned) ? returned : [];
  const columns = new Set<string>();
  const lines: string[] = [];
  const counter = new RowCounter(counting);
  const forbidden = handedOut.flatMap(secretForms);
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    checkRow(row, index, forbidden);
    for (const name of Object.keys(row)) columns.add(name);
    counter.add(row);
    const line = JSON.stringify(row);
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > maxBytes) refuse(`The rows take more than ${maxBytes / 1024 / 1024} MiB.`);
    lines.push(line);
  }
  const jsonLines = lines.map((line) => `${line}\n`).join('');
  return { jsonLines, count: lines.length, columns: [...columns], numbers: counter.result() };
}

function checkRow(row: unknown, index: number, forbidden: readonly string[]): asserts row is Row {
  const at = `Row ${index + 1}`;
  if (typeof row !== 'object' || row === null || Array.isArray(row)) refuse(`${at} is not an object.`);
  for (const [name, value] of Object.entries(row)) {
    const column = `${at}, column "${scrub(name).slice(0, 60)}"`;
    if ((tenantColumns as readonly string[]).includes(name)) refuse(`${column}: the export adds this column itself.`);
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      refuse(`${column} is neither text, number, boolean nor null.`);
    if (typeof value === 'number' && !Number.isFinite(value)) refuse(`${column} is not a finite number.`);
    for (const text of typeof value === 'string' ? [name, value] : [name]) {
      if (scrub(text) !== text || forbidden.some((form) => text.includes(form))) {
        refuse(`${column} holds something that looks like a token.`);
      }
    }
  }
}

function refuse(why: string): never {
  throw new BrokerError('job_failed', why);
}
