import { type AuditEntry, type AuditLog, longestRecordSeconds } from '../audit/audit-log.ts';
import { utiOf } from '../microsoft/token-uti.ts';
import type { Clock } from '../core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { AccessToken, TokenRequest, TokenSource } from '../core/token.ts';
import type { GatedTokens } from './gated-tokens.ts';

/** What {@link recordTokens} needs. */
export interface RecordedTokensDeps {
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
