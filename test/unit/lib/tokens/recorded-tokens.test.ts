import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GatedTokens, recordTokens } from '../../../../src/lib/tokens/issue-token.ts';
import { type AccessToken, Secret, type TokenRequest, type TokenSource } from '../../../../src/lib/core/secrets.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { nilUuid, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

const tenantId = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const partnerTenantId = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
const reachable = delegatedTenant(tenantId, 'Contoso');
const request: TokenRequest = {
  tenantId,
  resource: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
  grant: 'delegated',
  application: 'reader',
  minimumLifetimeSeconds: 60,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
};

let audit: MemoryAuditLog;
let listed: DelegatedTenant;
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
  listed = reachable;
  const source = {
    getToken: (received: TokenRequest) => answer(received),
    getNewerToken: async () => undefined,
    forgetTenant: (tenant: TenantId) => void forgotten.push(tenant),
  };
  tokens = recordTokens({
    tokens: new GatedTokens({
      tokens: source,
      policy: { current: async () => ({ policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 0 }) },
      directory: { find: async () => listed, excludes: async () => false },
      partnerTenantId,
    }),
    audit,
    clock,
    newId: () => 'token-id',
    partnerTenantId,
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
        caller: { applicationId: nilUuid, objectId: nilUuid, kind: 'application' },
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

  it('records the id that the token has in the logs of the tenant', async () => {
    const issue = answer;
    const claims = Buffer.from(JSON.stringify({ uti: 'AbC-1' })).toString('base64url');
    answer = async (received) => ({ ...(await issue(received)), secret: new Secret(`e30.${claims}.x`) });
    await tokens.getToken(request);
    expect(audit.entries).toMatchObject([{ outcome: 'issued', uti: 'AbC-1' }]);
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

  it('says that jobs wait for the records, so that callers need not wait for them', async () => {
    const record = vi.spyOn(audit, 'record');
    await tokens.getToken(request);
    answer = () => Promise.reject(new BrokerError('consent_required', 'no'));
    await tokens.getToken(request).catch(() => undefined);
    expect(record.mock.calls).toEqual([
      [expect.objectContaining({ outcome: 'issued' }), { awaitedBy: 'job' }],
      [expect.objectContaining({ outcome: 'denied' }), { awaitedBy: 'job' }],
    ]);
  });

  it('records a refusal with its code, and with rule broker when the request has no purpose', async () => {
    answer = () => Promise.reject(new BrokerError('consent_required', 'no'));
    await expect(tokens.getToken(request)).rejects.toMatchObject({ code: 'consent_required' });
    expect(audit.entries).toMatchObject([{ outcome: 'denied', code: 'consent_required', rule: 'broker', scopes: [] }]);
  });

  it('refuses a tenant that was excluded after the run was planned, although its token is cached, and records that', async () => {
    await tokens.getToken(request);
    listed = { ...reachable, reachable: false, reason: 'excluded' };
    await expect(tokens.getToken(request)).rejects.toMatchObject({ code: 'tenant_excluded' });
    expect(audit.entries.slice(1)).toMatchObject([{ outcome: 'denied', code: 'tenant_excluded', tenantId }]);
  });

  it("refuses the partner's own tenant, which no plan contains", async () => {
    await expect(tokens.getToken({ ...request, tenantId: partnerTenantId })).rejects.toMatchObject({
      code: 'tenant_not_delegated',
    });
  });

  it("gives the partner's own token for Partner Center on behalf of a customer, and records both", async () => {
    const received: TokenRequest[] = [];
    answer = async (redeemed) => {
      received.push(redeemed);
      return { ...redeemed, secret: new Secret('own'), scopes: [], expiresAtMs: 0, fromCache: false };
    };
    const resource = { alias: 'partner-center', identifier: 'https://api.partnercenter.microsoft.com' };
    await tokens.getToken({ ...request, resource, ofPartner: true });
    expect(received).toMatchObject([{ tenantId: partnerTenantId }]);
    expect(received[0]).not.toHaveProperty('ofPartner');
    expect(audit.entries).toMatchObject([{ outcome: 'issued', tenantId: partnerTenantId, tenantAsked: tenantId }]);

    await expect(tokens.getToken({ ...request, ofPartner: true })).rejects.toMatchObject({
      code: 'resource_not_allowed',
    });
    listed = { ...reachable, reachable: false, reason: 'excluded' };
    await expect(tokens.getToken({ ...request, resource, ofPartner: true })).rejects.toMatchObject({
      code: 'tenant_excluded',
    });
    expect(received).toHaveLength(1);
    expect(audit.entries.map(({ outcome }) => outcome)).toEqual(['issued', 'denied', 'denied']);
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
