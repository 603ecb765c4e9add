import { describe, expect, it } from 'vitest';
import { decide, denyInAnyTenant, failedStage, type PolicyRequest } from '../../../../src/lib/callers/decide.ts';
import { parsePolicy } from '../../../../src/lib/callers/parse-policy.ts';
import type { AccessPolicy } from '../../../../src/lib/callers/policy.ts';
import type { DomainName, TenantId } from '../../../../src/lib/model/identifiers.ts';

// The reference in decide.property.test.ts proves the decision; here stand the sentences, one by one.

const appId = '11111111-1111-4111-8111-111111111111';
const tenantId = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const rule = {
  name: 'helpdesk',
  callers: { applications: [appId], roles: ['Tokens.Request'] },
  tenants: [tenantId, 'contoso.com'],
  resources: ['graph'],
  scopes: ['User.Read.All'],
  grants: ['delegated'],
};

function policyOf(...rules: readonly object[]): AccessPolicy {
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}

const caller = { applicationId: appId, roles: ['Tokens.Request'] as const };
const request: PolicyRequest = { tenantId, domains: [], resource: 'graph', scopes: [], grant: 'delegated' };
const ask = (changes: Partial<PolicyRequest> = {}, who = caller, policy = policyOf(rule)) =>
  decide(policy, who, { ...request, ...changes });

describe('a rule that gives everything', () => {
  it('allows, by its name, application and limits', () => {
    expect(ask()).toEqual({
      allow: true,
      rule: 'helpdesk',
      application: 'default',
      scopes: ['User.Read.All'],
      excessScopes: expect.stringMatching(/refuse|record/) as string,
    });
    expect(ask({ scopes: ['User.Read.All'] }).allow).toBe(true);
  });

  it('is the first of several', () => {
    const policy = policyOf({ ...rule, name: 'other', grants: ['application'] }, rule, { ...rule, name: 'later' });
    expect(ask({}, caller, policy)).toMatchObject({ rule: 'helpdesk' });
  });

  it('names a tenant by id or by any of its domains', () => {
    const other = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
    expect(ask({ tenantId: other, domains: ['x.example', 'contoso.com'] as DomainName[] }).allow).toBe(true);
    expect(ask({ tenantId: undefined, domains: ['contoso.com'] as DomainName[] }).allow).toBe(true);
    expect(ask({ tenantId: other, domains: ['x.example'] as DomainName[] }).allow).toBe(false);
  });

  it('without scopes limits none', () => {
    const { scopes: _, ...unlimited } = rule;
    expect(ask({ scopes: ['Anything'] }, caller, policyOf(unlimited))).toMatchObject({
      allow: true,
      scopes: undefined,
    });
  });

  it('with "*" means every customer, never the partner itself', () => {
    const policy = policyOf({ ...rule, tenants: ['*'] });
    expect(ask({}, caller, policy).allow).toBe(true);
    expect(ask({ isPartnerTenant: true }, caller, policy).allow).toBe(false);
    expect(ask({ isPartnerTenant: true }).allow).toBe(true);
  });
});

describe('what is missing is told, of the rule that came closest', () => {
  const stranger = { applicationId: '22222222-2222-4222-8222-222222222222', roles: ['Tokens.Request'] as const };
  const other = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;

  it.each([
    ['caller', {}, stranger, 'No rule is for the application 22222222-2222-4222-8222-222222222222.'],
    ['role', {}, { ...caller, roles: [] }, 'The caller holds no role; no rule for it is content with that.'],
    [
      'role',
      {},
      { ...caller, roles: ['Runs.Read', 'Audit.Read'] as const },
      'The caller holds Runs.Read, Audit.Read; no rule for it is content with that.',
    ],
    ['grant', { grant: 'application' }, caller, 'No rule for this caller allows the grant application.'],
    [
      'resource',
      { resource: 'arm' },
      caller,
      'No rule for this caller allows the resource arm with the grant delegated.',
    ],
    [
      'tenant',
      { tenantId: other },
      caller,
      `No rule for this caller allows the resource graph in the tenant ${other}.`,
    ],
    [
      'tenant',
      { tenantId: undefined, domains: ['a.example', 'b.example'] },
      caller,
      'No rule for this caller allows the resource graph in the tenant a.example, b.example.',
    ],
    [
      'scope',
      { scopes: ['User.Read.All', 'Mail.Send'] },
      caller,
      'No rule for this caller allows the scopes User.Read.All, Mail.Send together in this tenant.',
    ],
  ] as const)('%s %j', (missing, changes, who, reason) => {
    expect(ask(changes as Partial<PolicyRequest>, who as typeof caller)).toEqual({ allow: false, missing, reason });
  });

  it('with no rule at all', () => {
    expect(ask({}, caller, policyOf())).toMatchObject({ allow: false, missing: 'caller' });
  });

  it('for each rule by itself as well, where a decision is explained', () => {
    const failed = (who: typeof caller, changes: Partial<PolicyRequest> = {}) =>
      policyOf(rule).rules.map((each) => failedStage(each, who, { ...request, ...changes }));
    expect(failed(stranger)).toEqual(['caller']);
    expect(failed(caller, { resource: 'arm' })).toEqual(['resource']);
    expect(failed(caller, { tenantId: other })).toEqual(['tenant']);
    expect(failed(caller)).toEqual([undefined]);
  });

  it('by the furthest stage of several rules', () => {
    const policy = policyOf({ ...rule, name: 'a', resources: ['arm'] }, rule, {
      ...rule,
      name: 'c',
      grants: ['application'],
    });
    expect(ask({ tenantId: other }, caller, policy)).toMatchObject({ missing: 'tenant' });
  });
});

describe('a rule for all', () => {
  const open = (): AccessPolicy => policyOf({ ...rule, callers: { applications: ['*'] }, resources: ['*'] });

  it('callers and all resources is for each of them', () => {
    expect(
      ask({ resource: 'arm' }, { applicationId: 'anybody', roles: ['Tokens.Request'] as const }, open()).allow,
    ).toBe(true);
  });

  it('nobody and no resource that it does not name', () => {
    expect(ask({ tenantId: 'bbbbbbbb-0000-4000-8000-000000000009' as TenantId }, caller, open())).toMatchObject({
      missing: 'tenant',
    });
  });
});

describe('what is denied in any tenant', () => {
  const anywhere = (request: { grant: 'delegated' | 'application'; resource: string }, policy = policyOf(rule)) =>
    denyInAnyTenant(policy, caller, request);

  it('is told without a word about tenants, by the furthest stage', () => {
    expect(anywhere({ grant: 'delegated', resource: 'arm' })).toEqual({
      allow: false,
      missing: 'resource',
      reason: 'No rule for this caller allows the resource arm with the grant delegated.',
    });
    expect(anywhere({ grant: 'application', resource: 'graph' })).toMatchObject({ missing: 'grant' });
    expect(anywhere({ grant: 'delegated', resource: 'graph' }, policyOf())).toMatchObject({ missing: 'caller' });
  });

  it('is nothing that one rule leaves to the tenant', () => {
    expect(anywhere({ grant: 'delegated', resource: 'graph' })).toBeUndefined();
    const policy = policyOf({ ...rule, name: 'a', grants: ['application'] }, rule);
    expect(anywhere({ grant: 'delegated', resource: 'graph' }, policy)).toBeUndefined();
  });
});
