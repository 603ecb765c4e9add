import { beforeEach, describe, expect, it } from 'vitest';
import { brokerCallerId, recordTokens } from '../../../../src/lib/broker/recorded-tokens.ts';
import type { AccessToken, TokenRequest, TokenSource } from '../../../../src/lib/model/token.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';

const tenantId = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const request: TokenRequest = {
  tenantId,
  resource: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
  grant: 'delegated',
  application: 'reader',
  minimumLifetimeSeconds: 60,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
};

let audit: MemoryAuditLog;
let answer: (request: TokenRequest) => Promise<AccessToken>;
const forgotten: TenantId[] = [];
let tokens: TokenSource;
const clock = new FakeClock();
beforeEach(() => {
  audit = new MemoryAuditLog();
  answer = async () => ({
    ...request,
    secret: new Secret('the token'),
    scopes: ['User.Read.All'],
    expiresAtMs: clock.nowMs() + 3_600_000,
    fromCache: true,
  });
  tokens = recordTokens({
    tokens: { getToken: (received) => answer(received), forgetTenant: (tenant) => void forgotten.push(tenant) },
    audit,
    clock,
    newId: () => 'token-id',
    partnerTenantId: 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId,
  });
});

describe('recordTokens', () => {
  it('records everything but the token before the job receives it', async () => {
    const token = await tokens.getToken({ ...request, purpose: 'job:licence-report' });
    expect(audit.entries).toEqual([
      {
        atMs: clock.nowMs(),
        correlationId: request.correlationId,
        tokenId: 'token-id',
        outcome: 'issued',
        caller: { applicationId: brokerCallerId, objectId: brokerCallerId, kind: 'application' },
        rule: 'job:licence-report',
        tenantId,
        resource: 'graph',
        scopes: ['User.Read.All'],
        grant: 'delegated',
        application: 'reader',
        expiresAtMs: token.expiresAtMs,
        fromCache: true,
        tokenFingerprint: new Secret('the token').fingerprint(),
      },
    ]);
    expect(JSON.stringify(audit.entries)).not.toContain('the token');
  });

  it('requests three seconds more than the minimum lifetime, for the audit record', async () => {
    const lifetimes: number[] = [];
    const issue = answer;
    answer = (received) => {
      lifetimes.push(received.minimumLifetimeSeconds);
      return issue(received);
    };
    await tokens.getToken(request);
    expect(lifetimes).toEqual([63]);
  });

  it('returns no token when its audit record is not durable', async () => {
    audit.down = true;
    await expect(tokens.getToken(request)).rejects.toMatchObject({ code: 'audit_unavailable' });
  });

  it('records a refusal with its code, and with rule broker when the request has no purpose', async () => {
    answer = () => Promise.reject(new BrokerError('consent_required', 'no'));
    await expect(tokens.getToken(request)).rejects.toMatchObject({ code: 'consent_required' });
    expect(audit.entries).toMatchObject([{ outcome: 'denied', code: 'consent_required', rule: 'broker', scopes: [] }]);
  });

  it('throws the original error when the refusal cannot be recorded', async () => {
    audit.down = true;
    answer = () => Promise.reject(new BrokerError('consent_required', 'no'));
    await expect(tokens.getToken(request)).rejects.toMatchObject({ code: 'consent_required' });
  });
});

it('forwards forgetTenant to the token source', () => {
  tokens.forgetTenant(tenantId);
  expect(forgotten).toEqual([tenantId]);
});
