import type { Grant } from '../model/token.ts';
import type { GraphClient } from '../graph/client.ts';
import type { DomainName, TenantId } from '../model/identifiers.ts';
import type { Logger } from '../runtime/log.ts';
import type { Secret } from '../model/secret.ts';
import type { Row } from './row.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

/** The tenant that a job is run for. */
export interface JobTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly defaultDomain?: DomainName;
}

/** What a job gets for one tenant. */
export interface JobContext {
  readonly tenant: JobTenant;
  /** Microsoft Graph in this tenant; asks for its token when it is first used. Needs `graph` among the resources. */
  readonly graph: GraphClient;
  /**
   * A token for one of the job's resources, e.g. for an API that has no client here. Never put it into a row.
   * @throws BrokerError with the reason why there is none.
   */
  readonly token: (resource: string, options?: { readonly grant?: Grant }) => Promise<Secret>;
  readonly log: Logger;
  /** Aborted when the time is up; pass it on to whatever waits. */
  readonly signal: AbortSignal;
  /** As given when the run was started; unchecked. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
}

/** A column of the result: documents it, and keeps its place in exports. */
export interface Column {
  readonly name: string;
  readonly title: string;
  readonly type: 'text' | 'number' | 'boolean' | 'date';
  /** False: follows from other columns and the day, like days left; two rows that differ in it alone are alike. */
  readonly compare?: false;
}

/** What one writes to add a job. */
export interface JobDefinition {
  /** Lower case letters, digits and hyphens, 1 to 40; it is part of addresses and stored names. */
  readonly name: string;
  readonly title: string;
  readonly description?: string;
  /** NCRONTAB, six fields, UTC; absent: the job runs only when asked. At most once a minute. */
  readonly schedule?: string;
  /** Aliases of the resources whose tokens the job may get. */
  readonly resources: readonly string[];
  /** Permissions that it needs, as an administrator consents to them: for the documentation. */
  readonly permissions?: readonly string[];
  /** Which of the broker's applications redeems; `default` if absent. */
  readonly application?: string;
  /** Time for one tenant, 1 to 3,600 seconds, all waits for throttling included. */
  readonly timeoutSeconds: number;
  /** The result's columns; a row may leave some out, but have no others. Absent: any flat rows. */
  readonly columns?: readonly Column[];
  /** Columns that tell which row is which, for comparing two runs; absent: a row can only come and go. */
  readonly key?: readonly string[];
  /** The work for one tenant. A BrokerError keeps its code in the run's record; any other throw becomes `job_failed`. */
  run(context: JobContext): Promise<readonly Row[] | undefined>;
}

/** A checked job. */
export interface Job extends Omit<JobDefinition, 'schedule' | 'application'> {
  readonly application: string;
  readonly schedule: Schedule | undefined;
}

/**
 * Checks a definition. A wrong one is a mistake in the code, found by the first test that imports it.
 * @throws TypeError that names the field and the rule.
 */
export function defineJob(definition: JobDefinition): Job {
  const { name, title, timeoutSeconds, resources, schedule, columns } = definition;
  const wrong = (rule: string): never => {
    throw new TypeError(`job "${name}": ${rule}`);
  };
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) wrong('name must be lower case letters, digits and hyphens, 40 at most');
  if (title.trim() === '') wrong('title must not be empty');
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 3600)
    wrong('timeoutSeconds must be a whole number from 1 to 3600');
  if (new Set(resources).size !== resources.length) wrong('resources names one twice');
  if (columns !== undefined && new Set(columns.map((column) => column.name)).size !== columns.length)
    wrong('columns names one twice');
  const stranger = columns && definition.key?.find((name) => !columns.some((column) => column.name === name));
  if (stranger !== undefined || definition.key?.length === 0) wrong('key must name columns');
  if (definition.key?.some((name) => uncompared(definition).has(name)))
    wrong('key names a column that is not compared');
  try {
    return {
      ...definition,
      application: definition.application ?? 'default',
      schedule: schedule === undefined ? undefined : parseSchedule(schedule),
    };
  } catch (error) {
    return wrong(`schedule ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

/** Names of the columns that tell no two rows apart. */
export const uncompared = ({ columns = [] }: Pick<JobDefinition, 'columns'>): ReadonlySet<string> =>
  new Set(columns.flatMap(({ name, compare }) => (compare === false ? name : [])));

/** All jobs of the app, by name. */
export interface JobRegistry {
  find(name: string): Job | undefined;
  list(): readonly Job[];
}

/** @throws TypeError when two jobs have one name. */
export function createJobRegistry(jobs: readonly Job[]): JobRegistry {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  if (byName.size !== jobs.length) {
    const twice = jobs.find((job, index) => jobs.findIndex(({ name }) => name === job.name) !== index);
    throw new TypeError(`two jobs have the name "${twice?.name}"`);
  }
  return { find: (name) => byName.get(name), list: () => jobs };
}
