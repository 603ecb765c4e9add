import type { TenantId } from '../core/identifiers.ts';
import { defaultApplication } from '../core/secrets.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Job } from '../runs/job/job.ts';
import type { LastResults, LastResultsReader } from '../runs/store/last-results.ts';
import { tagsOf, type TenantTags } from '../tenants/tenant-tags.ts';
import type { ConsentWatch } from './consent-watch.ts';
import type { Observations, ObservedConsent, ObservedRole } from './tenant-state.ts';

export interface ObserveDeps {
  readonly tenantTags: Pick<TenantTags, 'current'>;
  readonly lastResults: LastResultsReader;
  readonly consentWatch: Pick<ConsentWatch, 'consentOf'>;
  readonly log: Logger;
}

/** A job whose results count, and the application of the broker that it uses. */
export type ObservedJob = Pick<Job, 'name' | 'application'>;

type Results = NonNullable<ReturnType<LastResults['get']>>;

/**
 * What is known of tenants beside the lists, without a request to any tenant: tags, the last result of each job, and the
 * tokens that this process was asked for. What cannot be read is not known, and decides nothing.
 */
export async function observeTenants(deps: ObserveDeps, jobs: readonly ObservedJob[]): Promise<Observations> {
  const read = async <T>(what: string, reading: Promise<T>): Promise<T | undefined> => {
    try {
      return await reading;
    } catch (thrown) {
      deps.log.log('warn', 'tenant_events.not_observed', { what, ...errorFields(thrown) });
      return undefined;
    }
  };
  const [tags, last] = await Promise.all([
    read('tags', deps.tenantTags.current()),
    read('results', deps.lastResults.read(jobs.map(({ name }) => name))),
  ]);
  const applications = new Map(jobs.map(({ name, application }) => [name, application]));
  return {
    tagsOf: (tenantId) => tags && tagsOf(tags, tenantId),
    consentOf: (tenantId, sinceMs) => {
      const results = (last?.get(tenantId) ?? []).filter(({ finishedAt }) => isSince(Date.parse(finishedAt), sinceMs));
      const watched = deps.consentWatch.consentOf(tenantId);
      return judgeConsent(results, watched && isSince(watched.atMs, sinceMs) ? watched : undefined, applications);
    },
    roleOf: (tenantId: TenantId) => judgeRole(last?.get(tenantId) ?? []),
  };
}

const isSince = (atMs: number, sinceMs = Number.NEGATIVE_INFINITY): boolean => atMs >= sinceMs;

/**
 * If the last result of any job is that the consent is missing, it is, whatever other jobs and callers have got: jobs may
 * need different resources, and must not contradict each other in turn. Otherwise the latest that is known counts. Pure.
 * @param applications the application of each job.
 */
export function judgeConsent(
  results: Results,
  watched: ObservedConsent | undefined,
  applications: ReadonlyMap<string, string>,
): ObservedConsent | undefined {
  const failed = results.filter(({ code }) => code === 'consent_required');
  const [failedAtMs, workedAtMs] = [latestOf(failed), latestOf(results.filter(succeeded))];
  if (failedAtMs !== undefined) {
    const lacking = [...new Set(failed.map(({ job }) => applications.get(job) ?? defaultApplication))];
    return {
      state: 'missing',
      atMs: Math.max(failedAtMs, workedAtMs ?? 0),
      jobs: failed.map(({ job }) => job),
      ...(lacking.includes(defaultApplication) ? {} : { application: lacking[0] }),
    };
  }
  if (watched !== undefined && watched.atMs > (workedAtMs ?? 0)) return watched;
  return workedAtMs === undefined ? undefined : { state: 'given', atMs: workedAtMs };
}

/** Pure. */
export function judgeRole(results: Results): ObservedRole | undefined {
  const failed = results.filter(({ code }) => code === 'access_denied');
  const [failedAtMs, workedAtMs] = [latestOf(failed), latestOf(results.filter(succeeded))];
  if (failedAtMs !== undefined)
    return { state: 'missing', atMs: Math.max(failedAtMs, workedAtMs ?? 0), jobs: failed.map(({ job }) => job) };
  return workedAtMs === undefined ? undefined : { state: 'held', atMs: workedAtMs };
}

const succeeded = ({ outcome }: Results[number]): boolean => outcome === 'succeeded';

function latestOf(results: Results): number | undefined {
  const times = results.map(({ finishedAt }) => Date.parse(finishedAt)).filter((ms) => !Number.isNaN(ms));
  return times.length === 0 ? undefined : Math.max(...times);
}
