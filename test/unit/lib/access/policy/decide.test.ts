import { describe, expect, it } from 'vitest';
import {
  decide,
  denyInAnyTenant,
  failedStage,
  neededFacts,
  type PolicyRequest,
} from '../../../../../src/lib/access/policy/decide.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../../../../src/lib/access/policy/policy.ts';
import type { DomainName, TenantId } from '../../../../../src/lib/core/identifiers.ts';

// decide.property.test.ts compares decisions with a reference. This file checks the reasons and single cases.

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
const decideFor = (changes: Partial<PolicyRequest> = {}, by = caller, policy = policyOf(rule)) =>
  decide(policy, by, { ...request, ...changes });

describe('decide with a matching rule', () => {
  it('allows with the name, application and limits of the rule', () => {
    expect(decideFor()).toEqual({
      allow: true,
      rule: 'helpdesk',
      application: 'default',
      scopes: ['User.Read.All'],
      approval: undefined,
      breakGlass: false,
      excessScopes: expect.stringMatching(/refuse|record/) as string,
    });
    expect(decideFor({ scopes: ['User.Read.All'] }).allow).toBe(true);
  });

  it('uses the first of several matching rules', () => {
    const policy = policyOf({ ...rule, name: 'other', grants: ['application'] }, rule, { ...rule, name: 'later' });
    expect(decideFor({}, caller, policy)).toMatchObject({ rule: 'helpdesk' });
  });

  it('matches a tenant by id or by any of its domains', () => {
    const other = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;
    expect(decideFor({ tenantId: other, domains: ['x.example', 'contoso.com'] as DomainName[] }).allow).toBe(true);
    expect(decideFor({ tenantId: undefined, domains: ['contoso.com'] as DomainName[] }).allow).toBe(true);
    expect(decideFor({ tenantId: other, domains: ['x.example'] as DomainName[] }).allow).toBe(false);
  });

  it('limits no scopes when the rule has none', () => {
    const { scopes: _, ...unlimited } = rule;
    expect(decideFor({ scopes: ['Anything'] }, caller, policyOf(unlimited))).toMatchObject({
      allow: true,
      scopes: undefined,
    });
  });

  it('matches "*" with every customer tenant but not with the partner tenant', () => {
    const policy = policyOf({ ...rule, tenants: ['*'] });
    expect(decideFor({}, caller, policy).allow).toBe(true);
    expect(decideFor({ isPartnerTenant: true }, caller, policy).allow).toBe(false);
    expect(decideFor({ isPartnerTenant: true }).allow).toBe(true);
  });
});

describe('decide without a matching rule', () => {
  const stranger = { applicationId: '22222222-2222-4222-8222-222222222222', roles: ['Tokens.Request'] as const };
  const other = 'bbbbbbbb-0000-4000-8000-000000000002' as TenantId;

  it.each([
    ['caller', {}, stranger, 'No rule applies to the application 22222222-2222-4222-8222-222222222222.'],
    ['role', {}, { ...caller, roles: [] }, 'No rule accepts the roles of this caller (none).'],
    [
      'role',
      {},
      { ...caller, roles: ['Runs.Read', 'Audit.Read'] as const },
      'No rule accepts the roles of this caller (Runs.Read, Audit.Read).',
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
  ] as const)('denies at stage %s for %j, with a reason', (missing, changes, by, reason) => {
    expect(decideFor(changes as Partial<PolicyRequest>, by as typeof caller)).toEqual({
      allow: false,
      missing,
      reason,
    });
  });

  it('denies at stage caller when the policy has no rules', () => {
    expect(decideFor({}, caller, policyOf())).toMatchObject({ allow: false, missing: 'caller' });
  });

  it('agrees with failedStage for each single rule', () => {
    const failed = (by: typeof caller, changes: Partial<PolicyRequest> = {}) =>
      policyOf(rule).rules.map((each) => failedStage(each, by, { ...request, ...changes }));
    expect(failed(stranger)).toEqual(['caller']);
    expect(failed(caller, { resource: 'arm' })).toEqual(['resource']);
    expect(failed(caller, { tenantId: other })).toEqual(['tenant']);
    expect(failed(caller)).toEqual([undefined]);
  });

  it('names the furthest failed stage of several rules', () => {
    const policy = policyOf({ ...rule, name: 'a', resources: ['arm'] }, rule, {
      ...rule,
      name: 'c',
      grants: ['application'],
    });
    expect(decideFor({ tenantId: other }, caller, policy)).toMatchObject({ missing: 'tenant' });
  });
});

describe('decide with a rule for all callers and resources', () => {
  const open = (): AccessPolicy => policyOf({ ...rule, callers: { applications: ['*'] }, resources: ['*'] });

  it('allows any caller and any resource', () => {
    expect(
      decideFor({ resource: 'arm' }, { applicationId: 'any', roles: ['Tokens.Request'] as const }, open()).allow,
    ).toBe(true);
  });

  it('denies a tenant that the rule does not name', () => {
    expect(decideFor({ tenantId: 'bbbbbbbb-0000-4000-8000-000000000009' as TenantId }, caller, open())).toMatchObject({
      missing: 'tenant',
    });
  });
});

describe('decide with a rule for people or applications', () => {
  const oid = 'cccccccc-0000-4000-8000-000000000001';
  const person = { ...caller, objectId: oid, kind: 'user' } as const;
  const other = { ...person, objectId: 'cccccccc-0000-4000-8000-000000000002' };
  const named = policyOf({ ...rule, callers: { ...rule.callers, objects: [oid.toUpperCase()] } });
  const people = policyOf({ ...rule, callers: { ...rule.callers, kinds: ['user'] } });
  const decideBy = (by: Parameters<typeof decide>[1], policy: AccessPolicy) => decide(policy, by, request);

  it('allows only the objects that the rule names', () => {
    expect(decideBy(person, named).allow).toBe(true);
    expect(decideBy(other, named)).toEqual({
      allow: false,
      missing: 'object',
      reason: `No rule for this application names the object id ${other.objectId}.`,
    });
    expect(decideBy({ ...person, kind: 'application' }, named).allow).toBe(true);
  });

  it('allows only the kinds that the rule names', () => {
    expect(decideBy(person, people).allow).toBe(true);
    expect(decideBy({ ...person, kind: 'application' }, people)).toEqual({
      allow: false,
      missing: 'kind',
      reason: 'No rule for this application accepts callers of the kind application.',
    });
  });

  it('denies a caller whose object id or kind is unknown', () => {
    expect(decideBy(caller, named)).toMatchObject({ missing: 'object' });
    expect(decideBy(caller, people)).toMatchObject({ missing: 'kind' });
  });

  it('denies before tenant lookup', () => {
    expect(denyInAnyTenant(named, other, request)).toMatchObject({ missing: 'object' });
    expect(denyInAnyTenant(people, { ...person, kind: 'application' }, request)).toMatchObject({ missing: 'kind' });
  });
});

describe('denyInAnyTenant', () => {
  const denialOf = (request: { grant: 'delegated' | 'application'; resource: string }, policy = policyOf(rule)) =>
    denyInAnyTenant(policy, caller, request);

  it('denies before the tenant is known and names the furthest failed stage', () => {
    expect(denialOf({ grant: 'delegated', resource: 'arm' })).toEqual({
      allow: false,
      missing: 'resource',
      reason: 'No rule for this caller allows the resource arm with the grant delegated.',
    });
    expect(denialOf({ grant: 'application', resource: 'graph' })).toMatchObject({ missing: 'grant' });
    expect(denialOf({ grant: 'delegated', resource: 'graph' }, policyOf())).toMatchObject({ missing: 'caller' });
  });

  it('returns undefined when the decision of a rule depends on the tenant', () => {
    expect(denialOf({ grant: 'delegated', resource: 'graph' })).toBeUndefined();
    const policy = policyOf({ ...rule, name: 'a', grants: ['application'] }, rule);
    expect(denialOf({ grant: 'delegated', resource: 'graph' }, policy)).toBeUndefined();
  });
});

describe('neededFacts', () => {
  const policyOfGroups = (...excepts: readonly string[][]): AccessPolicy => {
    const rules = excepts.map((except, index) => ({ ...rule, name: `rule ${index}`, tenants: ['*'], except }));
    const tenantGroups = { most: ['a.com', 'b.com'], all: ['group:most', 'c.com'] };
    const parsed = parsePolicy(JSON.stringify({ version: 1, tenantGroups, rules }));
    if (!parsed.ok) throw new Error(parsed.problems.join(' '));
    return parsed.policy;
  };
  const domainsOf = (policy: AccessPolicy) => neededFacts(policy, caller, request).domains;

  it('names each domain in except of the rules for the caller once', () => {
    const policy = policyOfGroups(['group:most', 'd.com'], ['group:all', 'a.com', tenantId]);
    expect([...domainsOf(policy)].toSorted()).toEqual(['a.com', 'b.com', 'c.com', 'd.com']);
    expect(neededFacts(policy, { ...caller, roles: [] }, request)).toEqual({ tags: false, domains: [] });
  });

  it('copies no large group that many rules name', () => {
    const policy = policyOfGroups(['group:most'], ['group:most', tenantId]);
    expect(domainsOf(policy)).toBe(domainsOf(policy));
  });
});
