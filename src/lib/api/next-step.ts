import type { LastResult } from './answers/tenants.ts';
import { errorTable, isErrorCode } from '../core/errors.ts';
import { isApplyWindow, parseRunId } from '../runs/store/run.ts';
import type { Tenant } from './trouble.ts';

/** A `ptb` command that helps with a cause. */
export interface Step {
  readonly command: string;
  /** What to know before running it, as a sentence that ends with a colon. */
  readonly about?: string;
}

/** Ids that one command names. Nobody compares more before running it. */
const maxIds = 6;

/** The consent in some tenants. Of many it only lists what it would do: without tenants it is for all that lack the consent. */
const consentIn = (tenants: readonly Named[]): Step =>
  tenants.length > maxIds
    ? {
        command: 'ptb tenants consent --dry-run',
        about: 'This lists all customers that would get the consent:',
      }
    : { command: `ptb tenants consent --tenant ${tenants.map(ownWordOf).join(' ')}` };

type Named = Pick<Tenant, 'tenantId' | 'defaultDomain'>;

/** A cause, and the tenants that it concerns. */
export interface Concerned {
  readonly cause: string;
  readonly tenants: readonly {
    readonly tenant: Pick<Tenant, 'tenantId' | 'name' | 'defaultDomain'>;
    readonly results: readonly (Pick<LastResult, 'job' | 'runId'> & Partial<Pick<LastResult, 'finishedAt'>>)[];
  }[];
}

/** The `ptb` command that helps with a cause, with the tenants filled in. Undefined if no command does. */
export function stepFor({ cause, tenants }: Concerned): Step | undefined {
  const [first] = tenants;
  if (first === undefined || !isErrorCode(cause)) return undefined;
  const { name } = first.tenant;
  const forFirst = (command: string): Step =>
    tenants.length === 1 ? { command } : { command, about: `For ${name}, as an example:` };
  const ids = tenants.map(({ tenant }) => tenant.tenantId);
  const word = wordOf(first.tenant);
  switch (cause) {
    case 'consent_required':
      return consentIn(tenants.map(({ tenant }) => tenant));
    case 'tenant_not_delegated':
    case 'access_denied':
    case 'interaction_required':
    case 'blocked_by_policy':
      return forFirst(`ptb doctor --customer ${word}`);
    case 'job_failed':
    case 'job_timed_out':
    case 'internal':
      return first.results[0] && forFirst(`ptb runs show ${first.results[0].runId} --tenant ${word}`);
    default:
      return errorTable[cause].retry === 'later'
        ? againFor(
            ids,
            tenants.flatMap(({ results }) => results),
          )
        : undefined;
  }
}

/**
 * A tenant as a word of a command that only looks: its domain, which people know, or its id. A domain needs no quotes in any shell.
 */
const wordOf = ({ tenantId, defaultDomain = '' }: Named): string =>
  /^[a-z0-9][a-z0-9.-]*$/i.test(defaultDomain) ? defaultDomain : tenantId;

/**
 * A tenant as a word of a command that acts: any other domain than its first one may have moved to another tenant since the list
 * was read, so there the word is the id.
 */
const ownWordOf = (tenant: Named): string =>
  tenant.defaultDomain?.endsWith('.onmicrosoft.com') === true ? wordOf(tenant) : tenant.tenantId;

/** Runs the job again for tenants that failed for a passing reason, if they failed in one run. An apply needs a new plan. */
function againFor(ids: readonly string[], results: readonly Pick<LastResult, 'job' | 'runId'>[]): Step | undefined {
  const [first] = results;
  if (first === undefined || results.some(({ runId }) => runId !== first.runId)) return undefined;
  if (isApplyWindow(parseRunId(first.runId)?.window ?? '')) return undefined;
  if (ids.length > maxIds) return { command: `ptb runs rerun ${first.runId}` };
  return { command: `ptb run ${first.job} --tenant ${ids.join(' ')}` };
}
