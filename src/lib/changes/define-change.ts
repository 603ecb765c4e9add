import type * as z from 'zod';
import { defineJob, type Job, type JobContext, type JobDefinition } from '../runs/job/job.ts';
import type { Change } from './change.ts';
import { planChanges, planColumns, planRows } from './plan-rows.ts';

type NoParameters = z.ZodObject<Readonly<Record<string, z.ZodNever>>>;

/** The definition of a job that changes tenants, as its author writes it. */
export interface ChangeDefinition<P extends z.ZodObject = NoParameters>
  extends Pick<
    JobDefinition<P>,
    'name' | 'title' | 'description' | 'topic' | 'tenants' | 'except' | 'directoryRoles' | 'application' | 'parameters'
  > {
  /** Permissions that the reads and the changes need, by the names an administrator consents to. Nothing else is sent. */
  readonly permissions: readonly string[];
  /** Aliases of the resources. Absent: `graph`. */
  readonly resources?: readonly string[];
  /** Time limit for planning one tenant, 1 to 3,600 seconds. Absent: 120. */
  readonly timeoutSeconds?: number;
  /**
   * Reads one tenant, and says what should be different there. Its clients only read. The order of the changes is the order in
   * which they are made.
   */
  readonly plan: (context: JobContext<z.output<P>>) => Promise<readonly Change[]>;
}

/**
 * Validates a definition. A run of the job makes a plan; only an apply of that plan changes anything.
 * @throws TypeError that names the field and the rule.
 */
export function defineChange<P extends z.ZodObject = NoParameters>(definition: ChangeDefinition<P>): Job {
  const { timeoutSeconds = 120, resources = ['graph'], plan, ...about } = definition;
  if (about.permissions.length === 0) throw new TypeError(`change "${about.name}": permissions must not be empty`);
  const job = defineJob<P>({
    ...about,
    timeoutSeconds,
    resources,
    columns: planColumns,
    key: ['action', 'target', 'after'],
    historyBy: 'action',
    run: async (context) => planRows(await planChanges(await plan(context), context), context.newId),
  });
  return { ...job, changes: true };
}
