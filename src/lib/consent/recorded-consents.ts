import type { AuditEntry, AuditLog } from '../audit/audit-log.ts';
import { brokerCallerId } from '../tokens/recorded-tokens.ts';
import { toBrokerError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { PartnerCenterConsents } from './partner-center-consents.ts';

export interface RecordedConsentsDeps {
  readonly audit: Pick<AuditLog, 'record'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Logger;
}

/**
 * Consents through Partner Center. Records each consent in the audit log before it is sent, and then its answer, as a request of
 * the broker itself.
 * @param rule stands for a rule of the policy in the records.
 * @throws BrokerError audit_unavailable before anything is sent; otherwise as `PartnerCenterConsents.give` does.
 */
export function recordGiven(
  { audit, clock, newId, log }: RecordedConsentsDeps,
  consents: Pick<PartnerCenterConsents, 'give'>,
  { application, rule }: { readonly application: string; readonly rule: string },
): PartnerCenterConsents['give'] {
  return async (tenantId, resource) => {
    const { name, scopes } = resource;
    const record = (happened: Pick<AuditEntry, 'outcome' | 'status' | 'code'>): Promise<void> =>
      audit.record({ ...entry, ...happened, atMs: clock.nowMs() });
    const entry = {
      kind: 'request',
      correlationId: newId(),
      tokenId: newId(),
      caller: { applicationId: brokerCallerId, objectId: brokerCallerId, kind: 'application' },
      rule,
      tenantId,
      resource: 'partner-center',
      scopes: scopes.map((scope) => `${name}: ${scope}`),
      grant: 'delegated',
      application,
      method: 'POST',
      path: `/v1/customers/${tenantId}/applicationconsents`,
    } as const;
    await record({ outcome: 'sent' });
    let happened: Parameters<typeof record>[0] = { outcome: 'failed', code: 'internal' };
    try {
      const answer = await consents.give(tenantId, resource);
      const { status } = answer;
      happened = status === 0 ? { outcome: 'failed', code: 'resource_error' } : { outcome: 'answered', status };
      return answer;
    } catch (thrown) {
      happened = { outcome: 'failed', code: toBrokerError(thrown).code };
      throw thrown;
    } finally {
      await record(happened).catch((failure: unknown) =>
        log.log('error', 'audit.outcome_not_recorded', errorFields(failure)),
      );
    }
  };
}
