import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import { type BrokerAnswer, exchange } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { nextTarget } from './link-header.ts';

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

/** Attempts at a page, and the pause before the second one, which doubles. The same as those of `ptb`. */
const pageAttempts = 5;
const firstPauseMs = 1_000;
/** A longer Retry-After is not waited for. */
const maxWaitSeconds = 60;

/** Codes after which the same request may succeed later (docs/errors.md). */
export const transientCodes: readonly string[] = [
  'caller_throttled',
  'throttled',
  'busy',
  'entra_unavailable',
  'resource_error',
  'key_vault_unavailable',
  'directory_unavailable',
  'storage_unavailable',
  'audit_unavailable',
  'not_attempted',
  'job_timed_out',
  'internal',
];
/** Statuses of proxies and of the Functions host while the app is not available. */
const transientStatuses = new Set([429, 502, 503, 504]);

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

/** Requests a page, and repeats that while the broker or its storage is not available. */
async function patiently(connection: BrokerConnection, url: string): Promise<BrokerAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await exchange(connection, url);
    } catch (error) {
      const pauseMs = attempt < pageAttempts ? pauseAfter(error, attempt) : undefined;
      if (pauseMs === undefined) throw error;
      await connection.clock.sleep(pauseMs);
    }
  }
}

/** Milliseconds until the next attempt. Undefined: the error is final. */
function pauseAfter(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof BrokerRequestError)) return undefined;
  const { code, status = 0, retryAfterSeconds } = error;
  const isTransient =
    code === 'network' || transientCodes.includes(code) || (code === 'unexpected' && transientStatuses.has(status));
  if (!isTransient) return undefined;
  if (retryAfterSeconds === undefined) return firstPauseMs * 2 ** (attempt - 1);
  return retryAfterSeconds > maxWaitSeconds ? undefined : retryAfterSeconds * 1000;
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
