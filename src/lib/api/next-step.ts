import type { LastResult } from './answers/tenants.ts';
import { errorTable, isErrorCode } from '../core/errors.ts';
import type { Tenant } from './trouble.ts';

/** A `ptb` command that helps with a cause. */
export interface Step {
  readonly command: string;
  /** Name of the tenant that the command is for, if it is for one of several. */
  readonly only?: string;
}

/** Ids that one command names. More would be longer than a line that people read before they run it. */
const maxIds = 6;

/** A cause, and the tenants that it concerns. */
interface Concerned {
  readonly cause: string;
  readonly tenants: readonly {
    readonly tenant: Pick<Tenant, 'tenantId' | 'name'>;
    readonly results: readonly Pick<LastResult, 'job' | 'runId'>[];
  }[];
}

/** The `ptb` command that helps with a cause, with the ids filled in. Undefined if no command does. */
export function stepFor({ cause, tenants }: Concerned): Step | undefined {
  const [first] = tenants;
  if (first === undefined || !isErrorCode(cause)) return undefined;
  const { tenantId, name } = first.tenant;
  const forFirst = (command: string): Step => (tenants.length === 1 ? { command } : { command, only: name });
  const ids = tenants.map(({ tenant }) => tenant.tenantId);
  switch (cause) {
    case 'consent_required':
      return { command: `ptb tenants consent${ids.length > maxIds ? '' : ` --tenant ${ids.join(' ')}`}` };
    case 'tenant_not_delegated':
    case 'access_denied':
    case 'interaction_required':
    case 'blocked_by_policy':
      return forFirst(`ptb doctor --customer ${tenantId}`);
    case 'job_failed':
    case 'job_timed_out':
    case 'internal':
      return first.results[0] && forFirst(`ptb runs show ${first.results[0].runId} --tenant ${tenantId}`);
    default:
      return errorTable[cause].retry === 'later'
        ? againFor(
            ids,
            tenants.flatMap(({ results }) => results),
          )
        : undefined;
  }
}

/** Runs the job again for tenants that failed for a passing reason, if they failed in one run. */
function againFor(ids: readonly string[], results: readonly Pick<LastResult, 'job' | 'runId'>[]): Step | undefined {
  const [first] = results;
  if (first === undefined || results.some(({ runId }) => runId !== first.runId)) return undefined;
  if (ids.length > maxIds) return { command: `ptb runs rerun ${first.runId}` };
  return { command: `ptb run ${first.job} --tenant ${ids.join(' ')}` };
}
