import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import { parseObject } from './broker-exchange.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { patiently } from './patiently.ts';

/** What is known of the rows of a run. Absent if it is not known, which is not zero. */
interface CountedRows {
  readonly rows?: number | undefined;
  /** The sum of each column of numbers, and the rows with each value of a column of booleans, as `NAME=true`. */
  readonly numbers?: Readonly<Record<string, number>> | undefined;
}

/** A run over several tenants, with the sums of their rows. */
export interface RunInHistory extends CountedRows {
  readonly runId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly status: 'completed' | 'failed' | 'cancelled';
  /** `selected`: only requested tenants, so its sums are not those of all. */
  readonly scope: 'all' | 'selected';
  readonly tenants: Readonly<Record<'total' | 'succeeded' | 'failed' | 'skipped' | 'notAttempted', number>>;
  /** Number of tenants whose rows are in the sums. */
  readonly counted: number;
}

/** A run in one tenant. */
export interface TenantInHistory extends CountedRows {
  readonly runId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly outcome: 'succeeded' | 'failed' | 'skipped' | 'not_attempted';
}

/** How the numbers of a job developed (docs/history.md). */
export interface JobHistory<Run> {
  readonly job: string;
  /** The period of these runs, ISO 8601. `until` is exclusive. */
  readonly since: string;
  readonly until: string;
  /** Whether there are older runs. To read them, ask again with `since` as `until`. */
  readonly truncated: boolean;
  /** The parameters of these runs. Absent if they have none. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  /** Number of runs that were left out because they had other parameters. */
  readonly otherParameters: number;
  /** What `numbers` may have. */
  readonly columns: readonly { readonly name: string; readonly title: string }[];
  /** The column by which the job splits its history, and its values. */
  readonly split?: { readonly column: string; readonly title: string; readonly values: readonly string[] } | undefined;
  /** The newest first, at most 1,000. */
  readonly runs: readonly Run[];
}

/** Which runs and rows to read. Default: the runs of the last 90 days, with all rows. */
export interface JobHistoryFilter {
  /** Only runs that started at this time or later. */
  readonly since?: Date;
  /** Only runs that started before. */
  readonly until?: Date;
  /** Only rows with this value of the column by which the job splits its history. */
  readonly value?: string;
}

/** The sums over these tenants. */
export interface ManyTenants {
  /** Tenant ids, domains, `group:NAME` and `tag:NAME`. Default: all tenants. */
  readonly tenants?: readonly string[];
  /** Tenants that are left out, written like `tenants`. */
  readonly except?: readonly string[];
}

/** The numbers of one tenant. */
export interface OneTenant {
  /** Id of the tenant, or one of its domains. */
  readonly tenant: string;
}

/**
 * Reads how the numbers of a job developed, run by run: in one tenant, or their sums over several. A request that fails is
 * repeated up to five times.
 *
 * @throws TypeError that names the invalid option.
 * @throws BrokerRequestError if the history cannot be read.
 */
export async function jobHistory(
  options: BrokerConnectionOptions,
  job: string,
  filter: JobHistoryFilter & OneTenant,
): Promise<JobHistory<TenantInHistory>>;
export async function jobHistory(
  options: BrokerConnectionOptions,
  job: string,
  filter?: JobHistoryFilter & ManyTenants,
): Promise<JobHistory<RunInHistory>>;
export async function jobHistory(
  options: BrokerConnectionOptions,
  job: string,
  filter: JobHistoryFilter & Partial<OneTenant> & ManyTenants = {},
): Promise<JobHistory<RunInHistory | TenantInHistory>> {
  const path = pathOf(job, filter);
  const connection = new BrokerConnection(options);
  const { text } = await patiently(connection, connection.apiUrl + path);
  const history = parseObject(text);
  if (!Array.isArray(history['runs']))
    throw new BrokerRequestError('The response is not a history.', { code: 'unexpected', status: 200 });
  return history as unknown as JobHistory<RunInHistory | TenantInHistory>;
}

/** @throws TypeError for what would name other runs or tenants than the caller means. */
function pathOf(job: string, filter: JobHistoryFilter & Partial<OneTenant> & ManyTenants): string {
  const { tenant, tenants, except, value } = filter;
  if (job === '') throw new TypeError('job: is empty. Set the name of a job, for example licence-report.');
  if (tenant === '') throw new TypeError('tenant: is empty. Set an id or a domain, or leave it out for all tenants.');
  if (tenant !== undefined && (tenants ?? except) !== undefined)
    throw new TypeError('tenant: cannot be combined with tenants or except.');
  const query = new URLSearchParams(tenant === undefined ? {} : { job });
  for (const [name, entries] of Object.entries({ tenants, except })) {
    // Without entries the broker would not limit the answer.
    if (entries?.length === 0) throw new TypeError(`${name}: is empty. Leave it out for all tenants.`);
    if (entries !== undefined) query.set(name, entries.join(','));
  }
  for (const name of ['since', 'until'] as const) {
    const time = filter[name];
    if (time === undefined) continue;
    if (Number.isNaN(time.getTime())) throw new TypeError(`${name}: is not a valid date.`);
    query.set(name, time.toISOString());
  }
  if (value !== undefined) query.set('value', value);
  const path = tenant === undefined ? `jobs/${encodeURIComponent(job)}` : `tenants/${encodeURIComponent(tenant)}`;
  return `${path}/history${query.size === 0 ? '' : `?${query.toString()}`}`;
}
