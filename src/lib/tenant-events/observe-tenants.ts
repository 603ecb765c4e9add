import { type Clock, hourMs } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { defaultApplication, type TenantId } from '../core/identifiers.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { AccessToken, CachingTokenSource, TokenRequest } from '../core/secrets.ts';
import type { Job } from '../runs/job/job.ts';
import type { LastResults, LastResultsReader } from '../runs/store/schedule-log.ts';
import { tagsOf, type TenantTags } from '../tenants/tags.ts';
import type { Observations, ObservedConsent, ObservedRole } from './event-log.ts';

/**
 * How long an outcome counts. Another instance may have seen a later one, and an old refusal must not contradict what that
 * instance has stored.
 */
const usableMs = hourMs / 2;
/** Scopes of the sign-in. Tokens name them or not, whatever was consented to. */
const signInScopes: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access', '.default']);

/**
 * Remembers whether Entra issued tokens for Microsoft Graph to the default application, and with which permissions, by
 * tenant. Looks at tokens that somebody asks for anyway, and asks for none.
 */
export class ConsentWatch {
  readonly #clock: Clock;
  readonly #partnerTenantId: TenantId;
  readonly #seen = new Map<TenantId, ObservedConsent>();

  constructor({ clock, partnerTenantId }: { readonly clock: Clock; readonly partnerTenantId: TenantId }) {
    this.#clock = clock;
    this.#partnerTenantId = partnerTenantId;
  }

  /** The same tokens, whose outcomes are remembered. */
  over(tokens: CachingTokenSource): CachingTokenSource {
    return {
      getToken: async (request, signal) => {
        try {
          return this.#note(request, await tokens.getToken(request, signal));
        } catch (thrown) {
          if (isWatched(request) && thrown instanceof BrokerError && thrown.code === 'consent_required')
            this.#seen.set(request.tenantId, { state: 'missing', atMs: this.#clock.nowMs() });
          throw thrown;
        }
      },
      getNewerToken: async (request) => {
        const token = await tokens.getNewerToken(request);
        return token && this.#note(request, token);
      },
      forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
    };
  }

  /** Compares with what the application has in the partner tenant, where it has everything that was asked for. */
  consentOf(tenantId: TenantId): ObservedConsent | undefined {
    const seen = this.#seen.get(tenantId);
    if (seen === undefined || Math.abs(this.#clock.nowMs() - seen.atMs) > usableMs) return undefined;
    if (seen.state === 'missing') return seen;
    const own = this.#seen.get(this.#partnerTenantId)?.scopes;
    if (own === undefined) return { state: 'given', atMs: seen.atMs };
    const lacking = own.filter((scope) => seen.scopes?.includes(scope) !== true);
    return lacking.length === 0
      ? { state: 'complete', atMs: seen.atMs }
      : { state: 'differs', atMs: seen.atMs, scopes: lacking };
  }

  #note(request: TokenRequest, token: AccessToken): AccessToken {
    if (token.fromCache || !isWatched(request)) return token;
    const scopes = token.scopes.filter((scope) => !signInScopes.has(scope)).toSorted();
    this.#seen.set(request.tenantId, { state: 'given', atMs: this.#clock.nowMs(), scopes });
    return token;
  }
}

const isWatched = ({ resource, grant, application }: TokenRequest): boolean =>
  resource.alias === 'graph' && grant === 'delegated' && application === defaultApplication;

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
