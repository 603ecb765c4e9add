import { Cron } from 'croner';
import type { PermissionMap } from 'graph-permissions/permission-map';
import type * as z from 'zod';
import { requestedProblems } from '../../access/tenants/selected-tenants.ts';
import type { DomainName, TenantId } from '../../core/identifiers.ts';
import type { Logger } from '../../core/log.ts';
import type { Grant, Secret } from '../../core/secrets.ts';
import type { Topic } from '../../core/topics.ts';
import type { DirectoryRole } from '../../microsoft/directory-roles.ts';
import type { ExchangeOnlineClient } from '../../microsoft/exchange-online.ts';
import type { GraphClient } from '../../microsoft/graph.ts';
import type { PartnerCenterClient } from '../../microsoft/partner-center.ts';
import type { Counting } from '../history/tenant-numbers.ts';
import { queryJob } from '../store/run.ts';
import type { DnsClient } from './dns.ts';
import { type JobParameters, jobParameters, readParameters } from './job-parameters.ts';
import type { Row } from './row.ts';

/** A job's schedule: an NCRONTAB expression with six fields (seconds first), in UTC. */
interface Schedule {
  readonly expression: string;
  /** The first scheduled time after `ms`, or undefined. */
  nextAfterMs(ms: number): number | undefined;
  /** The latest scheduled time at or before `ms`, or undefined. */
  latestAtMs(ms: number): number | undefined;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Ranges as in "Timer trigger for Azure Functions", NCRONTAB expressions: day of week is 0 to 6, and 7 is an error. */
const fields = [
  { name: 'seconds', smallest: 0, largest: 59, words: [] },
  { name: 'minutes', smallest: 0, largest: 59, words: [] },
  { name: 'hours', smallest: 0, largest: 23, words: [] },
  { name: 'day of month', smallest: 1, largest: 31, words: [] },
  { name: 'month', smallest: 1, largest: 12, words: months },
  { name: 'day of week', smallest: 0, largest: 6, words: days },
] as const satisfies readonly { name: string; smallest: number; largest: number; words: readonly string[] }[];

/**
 * Parses an expression. croner accepts more than the platform does (`L`, `W`, `#`, `?`, 7 for Sunday), so the grammar
 * is checked first. In NCRONTAB both day fields must match; in other cron dialects one is enough.
 * @throws TypeError that names the field.
 */
export function parseSchedule(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== fields.length) throw new TypeError(`"${expression}" must have six fields, seconds first`);
  for (const [index, field] of fields.entries()) {
    for (const item of (parts[index] ?? '').split(',')) checkItem(item, field, expression);
  }
  const cron = new Cron(parts.join(' '), { mode: '6-part', domAndDow: true, utcOffset: 0, paused: true });
  if (cron.nextRun() === null) throw new TypeError(`"${expression}" never matches a date`);
  return {
    expression,
    nextAfterMs: (ms) => cron.nextRun(new Date(ms))?.getTime(),
    // croner searches strictly before its reference time, with a resolution of one second.
    latestAtMs: (ms) => cron.previousRuns(1, new Date(Math.floor(ms / 1000) * 1000 + 1000))[0]?.getTime(),
  };
}

// A step requires a star or a range before it, because cron dialects disagree about the meaning of "5/15".
function checkItem(item: string, field: (typeof fields)[number], expression: string): void {
  const refuse = (): never => {
    throw new TypeError(`"${expression}": "${item}" is not a valid NCRONTAB ${field.name} field`);
  };
  const match = /^(?:\*|([a-z0-9]+)(?:-([a-z0-9]+)(?=\/|$)|(?!\/)))(?:\/(\d{1,2}))?$/i.exec(item);
  if (match === null) refuse();
  const number = (text: string): number => {
    const word = (field.words as readonly string[]).indexOf(text.toLowerCase());
    const value = word >= 0 ? word + field.smallest : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
    return value >= field.smallest && value <= field.largest ? value : refuse();
  };
  const [, from, to, step] = match ?? [];
  const [first, last] = [from, to].map((text) => (text === undefined ? undefined : number(text)));
  if (first !== undefined && last !== undefined && first > last) refuse();
  if (step !== undefined && Number(step) === 0) refuse();
}

/** The tenant that a job runs for. */
export interface JobTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly defaultDomain?: DomainName;
}

/** The context that a job receives for one tenant. `P`: the type of its parameters. */
export interface JobContext<P = Readonly<Record<string, unknown>>> {
  readonly tenant: JobTenant;
  /** The partner's own tenant, which the service account and the broker's applications are from. */
  readonly partnerTenantId: TenantId;
  /** Microsoft Graph in this tenant. Requests its token on first use. Requires `graph` in the job's resources. */
  readonly graph: GraphClient;
  /** Exchange Online in this tenant, by cmdlets that only read. Requires `exchange` in the job's resources. */
  readonly exchange: ExchangeOnlineClient;
  /**
   * Partner Center with the partner's own token, below `/v1/customers/{tenant}` only; `{tenant}` stands for this tenant.
   * Requires `partner-center` in the job's resources.
   */
  readonly partnerCenter: PartnerCenterClient;
  /** Text records of DNS, below the verified domains that the job has read from `/domains`. */
  readonly dns: DnsClient;
  /**
   * Returns a token for one of the job's resources, for APIs that have no client here. Never put it into a row.
   * @throws BrokerError with the reason why no token is issued.
   */
  readonly token: (resource: string, options?: { readonly grant?: Grant }) => Promise<Secret>;
  readonly log: Logger;
  /** Aborted when the time limit is reached. Pass it to everything that waits. */
  readonly signal: AbortSignal;
  /** The parameters of the run, checked by the job's schema, with its defaults. */
  readonly parameters: Readonly<P>;
  readonly nowMs: number;
  /** Another id (UUID) with each call. */
  readonly newId: () => string;
}

/** A column of the result. Documents the column and fixes its position in exports. */
interface Column {
  readonly name: string;
  readonly title: string;
  readonly type: 'text' | 'number' | 'boolean' | 'date';
  /** False for values that change while nothing happens, such as days left: comparisons ignore them. */
  readonly compare?: false;
  /** False for numbers whose sum over rows says nothing, such as days left: the history leaves them out. */
  readonly history?: false;
}

/** The type of the parameters of a job that has none. */
type NoParameters = z.ZodObject<Readonly<Record<string, z.ZodNever>>>;

/** The definition of a job, as its author writes it. */
export interface JobDefinition<P extends z.ZodObject = NoParameters> {
  /** 1 to 40 lower case letters, digits and hyphens. Part of URLs and stored names. */
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  /** What it is about. Lists of jobs and reports are grouped by it. */
  readonly topic?: Topic;
  /** NCRONTAB with six fields, in UTC, at most once a minute. Absent: the job runs only on request. */
  readonly schedule?: string;
  /** Aliases of the resources that the job may request tokens for. */
  readonly resources: readonly string[];
  /**
   * Permissions that the job needs, by the names an administrator consents to. `graph` sends only requests that one of them
   * opens, and `exchange` only with `Exchange.Manage`. Those of other resources are for documentation.
   */
  readonly permissions?: readonly string[];
  /**
   * The customers that the job is for, as entries of docs/groups.md. Absent: all. A run visits no other, whatever a request
   * names.
   */
  readonly tenants?: readonly string[];
  /** Customers that the job is not for, as entries of docs/groups.md. Takes away, whatever `tenants` says. */
  readonly except?: readonly string[];
  /** Directory roles of which the service account needs one at the customer, least first. `ptb doctor` checks them. */
  readonly directoryRoles?: readonly DirectoryRole[];
  /** The broker application whose credential is used; `default` if absent. */
  readonly application?: string;
  /** Time limit per tenant, 1 to 3,600 seconds, including waits for throttling. */
  readonly timeoutSeconds: number;
  /** Whether a notice announces each completed run of the job, with its counts. Absent: only failures are announced. */
  readonly notify?: boolean;
  /** Columns of the result. A row may omit columns but must not have others. Absent: any flat rows. */
  readonly columns?: readonly Column[];
  /** Columns that identify a row when two runs are compared. Absent: rows are only added or removed, never changed. */
  readonly key?: readonly string[];
  /**
   * A text column by whose values the history splits the numbers: few values in a tenant, such as products, and never the name
   * of a person, because the history outlives the rows.
   */
  readonly historyBy?: string;
  /**
   * What a run of the job can be given. A job with a schedule must be able to run with defaults alone. Stored with each run
   * and shown to everybody who may read it, so never a secret.
   */
  readonly parameters?: P;
  /** Does the work for one tenant. A thrown BrokerError keeps its code; any other error is recorded as `job_failed`. */
  run(context: JobContext<z.output<P>>): Promise<readonly Row[] | undefined>;
}

/** A validated job. */
export interface Job extends Omit<JobDefinition, 'schedule' | 'application' | 'parameters' | 'run'> {
  /** Its rows are changes, which an apply of the run makes. Absent: it reports. */
  readonly changes?: true;
  readonly application: string;
  readonly schedule: Schedule | undefined;
  readonly parameters: JobParameters;
  run(context: JobContext): Promise<readonly Row[] | undefined>;
}

export const jobNamePattern = /^[a-z][a-z0-9-]{0,39}$/;

/**
 * Validates a definition. Throws at import, so that the first test that imports the job finds a mistake.
 * @throws TypeError that names the field and the rule.
 */
export function defineJob<P extends z.ZodObject = NoParameters>(definition: JobDefinition<P>): Job {
  const { name, title, timeoutSeconds, resources, schedule, columns } = definition;
  const wrong = (rule: string): never => {
    throw new TypeError(`job "${name}": ${rule}`);
  };
  if (!jobNamePattern.test(name)) wrong('name must be lower case letters, digits and hyphens, 40 at most');
  if (name === queryJob) wrong('this name is the one of queries; choose another');
  if (title.trim() === '') wrong('title must not be empty');
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 3600)
    wrong('timeoutSeconds must be a whole number from 1 to 3600');
  if (new Set(resources).size !== resources.length) wrong('resources lists a resource twice');
  if (columns !== undefined && new Set(columns.map((column) => column.name)).size !== columns.length)
    wrong('columns lists a column twice');
  if (definition.tenants?.length === 0) wrong('tenants must not be empty; leave it out for all tenants');
  const [requestedProblem] = requestedProblems(definition);
  if (requestedProblem !== undefined) wrong(requestedProblem);
  const unlisted = columns && definition.key?.find((name) => !columns.some((column) => column.name === name));
  if (unlisted !== undefined || definition.key?.length === 0) wrong('key must name columns');
  if (definition.key?.some((name) => uncompared(definition).has(name)))
    wrong('key names a column that is not compared');
  const { historyBy } = definition;
  if (
    historyBy !== undefined &&
    columns?.some((column) => column.name === historyBy && column.type === 'text') !== true
  )
    wrong('historyBy must name a column of texts');
  const reason = (error: unknown): string => (error instanceof Error ? error.message : 'cannot be read');
  const attempt = <T>(what: string, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      return wrong(what + reason(error));
    }
  };
  const job: Job = {
    ...definition,
    application: definition.application ?? 'default',
    parameters: attempt('', () => jobParameters(definition.parameters)),
    schedule: schedule === undefined ? undefined : attempt('schedule ', () => parseSchedule(schedule)),
  };
  if (schedule !== undefined)
    attempt('schedule needs parameters with defaults, because a timer gives none. ', () => readParameters(job, {}));
  return job;
}

/** Names of the columns that comparisons ignore. */
export const uncompared = ({ columns = [] }: Pick<JobDefinition, 'columns'>): ReadonlySet<string> =>
  new Set(columns.flatMap(({ name, compare }) => (compare === false ? name : [])));

/** What the history keeps of the rows. */
export const countingOf = ({ columns = [], historyBy }: Pick<JobDefinition, 'columns' | 'historyBy'>): Counting => ({
  by: historyBy,
  without: new Set(columns.flatMap(({ name, history }) => (history === false ? name : []))),
});

export type JobRegistry = ReturnType<typeof createJobRegistry>;

/** All jobs of the app, by name. @throws TypeError when two jobs have the same name. */
export function createJobRegistry(jobs: readonly Job[]) {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  if (byName.size !== jobs.length) {
    const duplicate = jobs.find((job, index) => jobs.findIndex(({ name }) => name === job.name) !== index);
    throw new TypeError(`two jobs have the name "${duplicate?.name}"`);
  }
  return { find: (name: string): Job | undefined => byName.get(name), list: (): readonly Job[] => jobs };
}

/**
 * Returns a function that warns, once for each job, of declared permissions that open nothing, because the map does not
 * contain them: they are misspelt, or new. Of a job with other resources than Graph nothing is known, because the map does
 * not contain the permissions of those either.
 */
export function createPermissionWarnings(
  jobs: readonly Pick<Job, 'name' | 'permissions' | 'resources'>[],
): (map: Pick<PermissionMap, 'permissions'>, log: Logger) => void {
  const examined = new Set<string>();
  return (map, log) => {
    for (const { name, permissions = [], resources } of jobs) {
      if (examined.has(name) || resources.some((alias) => alias !== 'graph')) continue;
      examined.add(name);
      const unknown = permissions.filter((permission) => !map.permissions.includes(permission));
      if (unknown.length > 0) {
        log.log('warn', 'job.permissions_open_nothing', { job: name, permissions: unknown.join(' ') });
      }
    }
  };
}
