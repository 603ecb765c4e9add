import type { PolicyStore } from '../access/policy/policy-store.ts';
import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit/audit-log.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AccessToken, CachingTokenSource, TokenRequest, TokenSource } from '../core/secrets.ts';
import { utiOf } from '../microsoft/token-reply.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { isExcluded, reasonTexts } from '../tenants/tenant.ts';

/** What {@link GatedTokens} need. */
interface GatedTokensDeps {
  readonly tokens: CachingTokenSource;
  readonly policy: PolicyStore;
  readonly directory: Pick<TenantDirectory, 'find' | 'excludes'>;
  readonly partnerTenantId: TenantId;
}

/**
 * The only source of tokens for callers and jobs. Hands out no token, cached or new, while no policy is in force, nor for
 * a tenant that is excluded or that the partner cannot reach. A run that was planned earlier therefore gets none either.
 * It is a class with a private field, so that the compiler accepts no other token source in its place. The requests of
 * the broker itself, such as those for the list of customers, do not pass through it.
 */
export class GatedTokens implements CachingTokenSource {
  readonly #deps: GatedTokensDeps;

  constructor(deps: GatedTokensDeps) {
    this.#deps = deps;
  }

  /**
   * @throws BrokerError `policy_missing`, `tenant_excluded`, `tenant_not_delegated`, a failure to read the policy or the
   * directory, or an error of the source.
   */
  async getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken> {
    await this.#check(request.tenantId, signal);
    const token = await this.#deps.tokens.getToken(request, signal);
    // A redemption may take a minute.
    if (!token.fromCache) await this.#check(request.tenantId, signal);
    return token;
  }

  /** @throws BrokerError as `getToken` does, except for errors of the source. */
  async getNewerToken(request: TokenRequest): Promise<AccessToken | undefined> {
    await this.#check(request.tenantId);
    const token = await this.#deps.tokens.getNewerToken(request);
    await this.#check(request.tenantId);
    return token;
  }

  forgetTenant(tenantId: TenantId): void {
    this.#deps.tokens.forgetTenant(tenantId);
  }

  async #check(tenantId: TenantId, signal?: AbortSignal): Promise<void> {
    const { state, problem = '', isTransient } = await this.#deps.policy.current();
    if (state === 'deny-all') throw new BrokerError(isTransient ? 'storage_unavailable' : 'policy_missing', problem);
    const refusal = await this.#tenantRefusal(tenantId, signal);
    if (refusal !== undefined) throw refusal;
  }

  async #tenantRefusal(tenantId: TenantId, signal?: AbortSignal): Promise<BrokerError | undefined> {
    const { directory, partnerTenantId } = this.#deps;
    if (tenantId === partnerTenantId) {
      const excluded = await directory.excludes(tenantId, signal);
      return excluded ? new BrokerError('tenant_excluded', reasonTexts.excluded) : undefined;
    }
    const listed = await directory.find(tenantId, signal);
    if (listed === undefined)
      return new BrokerError('tenant_not_delegated', 'The tenant is not a customer of the partner.');
    if (listed.reachable) return undefined;
    return new BrokerError(isExcluded(listed) ? 'tenant_excluded' : 'tenant_not_delegated', reasonTexts[listed.reason]);
  }
}

/** What {@link recordTokens} needs. */
interface RecordedTokensDeps {
  readonly tokens: GatedTokens;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly partnerTenantId: TenantId;
}

/** Caller id of the broker itself in the audit log: the nil UUID (RFC 9562 section 5.9). */
export const brokerCallerId = '00000000-0000-0000-0000-000000000000';

/**
 * Returns a token source for the broker's own jobs, which records each token before the job receives it, as for callers.
 * Jobs get tokens for customers only, so the partner's own tenant is refused even if somebody edits a plan to name it.
 * Refusals are recorded too. If the record of a refusal fails, the job still receives the original error.
 */
export function recordTokens(deps: RecordedTokensDeps): TokenSource {
  const entry = (request: TokenRequest, rest: Pick<AuditEntry, 'outcome'> & Partial<AuditEntry>): AuditEntry => ({
    atMs: deps.clock.nowMs(),
    correlationId: request.correlationId,
    tokenId: deps.newId(),
    caller: { applicationId: brokerCallerId, objectId: brokerCallerId, kind: 'application' },
    rule: request.purpose ?? 'broker',
    tenantId: request.tenantId,
    resource: request.resource.alias,
    scopes: [],
    grant: request.grant,
    application: request.application,
    ...rest,
  });
  const record = (of: AuditEntry): Promise<void> => deps.audit.record(of, { awaitedBy: 'job' });
  const recordRefusal = async (request: TokenRequest, code: ErrorCode): Promise<void> => {
    await record(entry(request, { outcome: 'denied', code })).catch(() => undefined);
  };
  return {
    getToken: async (request, signal): Promise<AccessToken> => {
      let token: AccessToken;
      try {
        if (request.tenantId === deps.partnerTenantId)
          throw new BrokerError('tenant_not_delegated', "Jobs get no token for the partner's own tenant.");
        const minimumLifetimeSeconds = request.minimumLifetimeSeconds + longestRecordSeconds;
        token = await deps.tokens.getToken({ ...request, minimumLifetimeSeconds }, signal);
      } catch (thrown) {
        await recordRefusal(request, toBrokerError(thrown).code);
        throw thrown;
      }
      const { scopes, expiresAtMs, fromCache, secret } = token;
      const uti = utiOf(token);
      await record(
        entry(request, {
          outcome: 'issued',
          scopes: [...scopes],
          expiresAtMs,
          fromCache,
          tokenFingerprint: secret.fingerprint(),
          ...(uti === undefined ? {} : { uti }),
        }),
      );
      return token;
    },
    forgetTenant: (tenantId) => deps.tokens.forgetTenant(tenantId),
  };
}
