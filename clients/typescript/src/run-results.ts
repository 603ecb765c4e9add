import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import type { BrokerAnswer } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { nextTarget } from './link-header.ts';
import { patiently } from './patiently.ts';

/** Columns of any job. */
type AnyColumns = Readonly<Record<string, string | number | boolean | null>>;

/** A row that a job returned for a tenant, after the three columns that name the tenant. */
export type ResultRow<Columns extends object = AnyColumns> = {
  readonly tenantId: string;
  readonly tenantName: string;
  readonly tenantDomain: string | null;
} & Columns;

export interface RunResultsOptions extends BrokerConnectionOptions {
  /** Maximum number of rows of a page, 1 to 50,000 (the default). The broker ends a page at 1 MiB. */
  readonly pageRows?: number;
}

/**
 * Reads the rows of a run, each with its tenant. It requests the next page when the rows of a page have been used. A run in
 * progress has the rows so far. A page that fails is requested up to five times, and each row is yielded once.
 *
 * @typeParam Columns the columns of the job, for example `{ product: string; licences: number }`. They are not verified.
 * @param runId for example `licence-report@2026-11-25`
 * @throws TypeError that names the invalid option.
 * @throws BrokerRequestError, while iterating, if a page cannot be read. The rows before it have been yielded.
 */
export function runResults<Columns extends object = AnyColumns>(
  options: RunResultsOptions,
  runId: string,
): AsyncGenerator<ResultRow<Columns>, void, undefined> {
  const { pageRows = 50_000 } = options;
  if (!Number.isInteger(pageRows) || pageRows < 1 || pageRows > 50_000)
    throw new TypeError('pageRows: is not an integer from 1 to 50,000.');
  if (runId === '') throw new TypeError('runId: is empty. Set the id of a run, for example licence-report@2026-11-25.');
  const connection = new BrokerConnection(options);
  const first = `${connection.apiUrl}runs/${encodeURIComponent(runId)}/results?format=jsonl&limit=${pageRows}`;
  // The columns are those that the caller names.
  return rowsFrom(connection, first) as AsyncGenerator<ResultRow<Columns>, void, undefined>;
}

async function* rowsFrom(connection: BrokerConnection, first: string): AsyncGenerator<object, void, undefined> {
  let next: string | undefined = first;
  while (next !== undefined) {
    const { text, headers }: BrokerAnswer = await patiently(connection, next);
    for (const line of text.split('\n')) if (line !== '') yield rowIn(line);
    next = nextAddress(connection, headers, next);
  }
}

function rowIn(line: string): object {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row === 'object' && row !== null) return row;
  } catch {
    // Same as a value that is not a row.
  }
  throw new BrokerRequestError('The response is not a page of rows.', { code: 'unexpected', status: 200 });
}

/** @throws BrokerRequestError if the link leads to another server, which must not get the caller's token. */
function nextAddress({ apiUrl }: BrokerConnection, headers: Headers, page: string): string | undefined {
  const target = nextTarget(headers.get('link'));
  if (target === undefined) return undefined;
  const next = URL.canParse(target, page) ? new URL(target, page).href : '';
  if (next.startsWith(apiUrl)) return next;
  throw new BrokerRequestError('The link to the next page does not lead to the broker.', {
    code: 'unexpected',
    status: 200,
  });
}
