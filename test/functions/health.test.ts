import { HttpRequest } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { health, misconfigured } from '../../src/functions/health.ts';
import { parsePolicy } from '../../src/lib/access/policy/parse-policy.ts';
import { denyAll } from '../../src/lib/access/policy/policy.ts';
import type { PolicyState } from '../../src/lib/access/policy/policy-store.ts';
import type { Caller } from '../../src/lib/core/caller.ts';
import type { HealthReport } from '../../src/lib/health/health-reporter.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { guid, tenant } from '../support/audit-entries.ts';

const caller: Caller = {
  applicationId: guid(1),
  objectId: guid(2),
  kind: 'application',
  roles: ['Tokens.Request'],
  tenantId: tenant(9),
  name: 'x',
};

const openPolicyState: PolicyState = { policy: denyAll, state: 'current', loadedAtMs: 0 };
const deniedState: PolicyState = { ...openPolicyState, state: 'deny-all' };

function limitedPolicyState(): PolicyState {
  const rule = { name: 'gold', callers: { applications: [caller.applicationId] }, reads: [tenant(1)] };
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules: [rule] }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return { ...openPolicyState, policy: parsed.policy };
}

const release = { version: '0.1.0', sha256: 'd1ge57' };

async function request(status: HealthReport['status'], by: Caller | undefined, policyState = openPolicyState) {
  const report: HealthReport = {
    status,
    checkedAt: '2026-11-24T00:00:00.000Z',
    applications: [],
    policy: { status: 'ok', state: 'current', rules: 1 },
    storage: { status: 'ok' },
    keyVault: { status: 'ok' },
    notifications: { status: 'ok' },
    tenants: { status: 'degraded', problem: 'The tenant that had it stays excluded.' },
    permissionMap: { status: 'ok', source: 'built-in', permissions: 122 },
    auditCheckpoints: { status: 'ok', state: 'off' },
    settings: { status: 'ok' },
  };
  let taken = 0;
  let checks = 0;
  const services = {
    health: { report: async () => report },
    settings: { PARTNER_NAME: 'Lighthouse Partners' },
    release: async () => release,
    broker: { counts: { issued: 3, fromCache: 2 } },
    callers: { limit: { take: () => void (taken += 1) }, policy: { current: async () => policyState } },
    credentials: { overdue: { check: () => void (checks += 1) } },
  };
  const httpRequest = new HttpRequest({ method: 'GET', url: 'http://localhost/api/health' });
  const call = { request: httpRequest, caller: by, correlationId: guid(3), log: silentLogger };
  const answer = await health.answer(services as unknown as Services, call);
  return { ...answer, taken, checks };
}

describe('GET /api/health', () => {
  it('returns only the status without a caller', async () => {
    expect(await request('ok', undefined)).toMatchObject({ status: 200, jsonBody: { status: 'ok' }, taken: 0 });
    expect(Object.keys((await request('ok', undefined)).jsonBody as object)).toEqual(['status']);
  });

  it('returns the report and the token counts to a caller, and counts the request against its limit', async () => {
    const { jsonBody, taken } = await request('degraded', caller);
    expect(jsonBody).toMatchObject({
      status: 'degraded',
      applications: [],
      partnerName: 'Lighthouse Partners',
      tokens: { issued: 3, fromCache: 2 },
      release,
    });
    expect(taken).toBe(1);
  });

  it('returns only the status to a caller without any app role, and counts the request', async () => {
    const { jsonBody, taken } = await request('degraded', { ...caller, roles: [] });
    expect(jsonBody).toEqual({ status: 'degraded' });
    expect(taken).toBe(1);
  });

  it.each([
    ['that may read every tenant', openPolicyState, 'The tenant that had it stays excluded.'],
    ['whose reading is limited', limitedPolicyState(), 'Only callers that may read every tenant see the details.'],
    ['while no policy is in force', deniedState, 'Only callers that may read every tenant see the details.'],
  ])('returns the problem of the excluded domains to a caller %s', async (_, policyState, problem) => {
    const { jsonBody } = await request('degraded', caller, policyState);
    expect(jsonBody).toMatchObject({ tenants: { status: 'degraded', problem } });
  });

  it('checks for an overdue rotation, with and without a caller', async () => {
    expect(await request('ok', undefined)).toMatchObject({ checks: 1 });
    expect(await request('ok', caller)).toMatchObject({ checks: 1 });
  });

  it('answers 503 only for the status down', async () => {
    expect((await request('degraded', undefined)).status).toBe(200);
    expect((await request('down', undefined)).status).toBe(503);
  });

  it('names the wrong setting while settings are wrong', () => {
    const answer = misconfigured(new BrokerError('config_invalid', 'PARTNER_TENANT_ID: is missing.'));
    expect(answer).toMatchObject({
      status: 503,
      jsonBody: { status: 'down', code: 'config_invalid', detail: 'PARTNER_TENANT_ID: is missing.' },
    });
  });
});
