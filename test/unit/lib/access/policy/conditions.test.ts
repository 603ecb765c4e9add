import { describe, expect, it } from 'vitest';
import { approvalProblems, deciderRole, termsOf } from '../../../../../src/lib/access/policy/policy.ts';
import { conditionRank, decide } from '../../../../../src/lib/access/policy/decide.ts';
import { explain } from '../../../../../src/lib/access/policy/explain.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

// decide.property.test.ts compares decisions with a reference. This file checks single cases of rules with a condition.

const caller = { applicationId: guid(1), roles: [] };
const request = { tenantId: tenant(1), domains: [], resource: 'graph', scopes: [], grant: 'delegated' } as const;
const free = {};
const approval = { approval: {} };
const emergency = { breakGlass: true };

function policyOf(...conditions: readonly object[]) {
  const rules = conditions.map((condition, index) => ({
    name: `rule ${index}`,
    callers: { applications: [guid(1)] },
    tenants: [tenant(1)],
    resources: ['graph'],
    ...condition,
  }));
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}

describe('a rule without a condition decides first, wherever it stands', () => {
  it.each<[conditions: object[], decider: number, inEmergency: number]>([
    [[free, approval], 0, 0],
    [[approval, free], 1, 1],
    [[emergency, free], 1, 1],
    [[emergency, approval, free], 2, 2],
    [[approval, emergency], 0, 1],
    [[emergency, approval], 1, 0],
    [[approval, approval], 0, 0],
    [[emergency, emergency], 0, 0],
    [[emergency, approval, approval, emergency], 1, 0],
  ])('%j: rule %i, and rule %i in an emergency', (conditions, decider, inEmergency) => {
    const policy = policyOf(...conditions);
    expect(decide(policy, caller, request)).toMatchObject({ allow: true, rule: `rule ${decider}` });
    expect(decide(policy, caller, { ...request, breakGlass: true })).toMatchObject({
      allow: true,
      rule: `rule ${inEmergency}`,
    });
  });

  it('and says what it demands', () => {
    expect(decide(policyOf(approval), caller, request)).toMatchObject({
      approval: { from: [deciderRole], count: 1, expiresMinutes: 60, validMinutes: 60 },
      breakGlass: false,
    });
    expect(decide(policyOf(emergency), caller, request)).toMatchObject({ approval: undefined, breakGlass: true });
  });

  it('ranks without an emergency by default', () => {
    expect(conditionRank({ approval: undefined, breakGlass: true })).toBe(2);
    expect(conditionRank({ approval: termsOf({}), breakGlass: false })).toBe(1);
  });
});

describe('explain', () => {
  it('tells the rules that are not needed from those that are not reached', () => {
    const policy = policyOf(approval, { tenants: [tenant(2)] }, { resources: ['arm'] }, free, approval, free);
    expect(explain(policy, caller, request).rules).toEqual([
      { rule: 'rule 0', outcome: 'not needed' },
      { rule: 'rule 1', outcome: 'lacks', missing: 'tenant', because: 'tenants: no entry for the tenant' },
      { rule: 'rule 2', outcome: 'lacks', missing: 'resource' },
      { rule: 'rule 3', outcome: 'allows', because: `tenants: ${tenant(1)}` },
      { rule: 'rule 4', outcome: 'not reached' },
      { rule: 'rule 5', outcome: 'not reached' },
    ]);
  });
});

describe('a denial', () => {
  it('says that a fact is unknown only if a rule for the caller depends on it', () => {
    const tagged = { tenants: ['tag:managed'] };
    const unknown = (...conditions: readonly object[]) => {
      const decision = decide(policyOf(...conditions), caller, request);
      return decision.allow ? 'allowed' : decision.unknown;
    };
    expect(unknown(tagged)).toBe('tags');
    expect(unknown({ tenants: [tenant(2)] }, tagged)).toBe('tags');
    expect(unknown({ tenants: [tenant(2)] })).toBeUndefined();
    expect(unknown({ ...tagged, callers: { applications: [guid(2)] } })).toBeUndefined();
    expect(unknown(tagged, free)).toBe('allowed');
  });
});

describe('the terms of an approval', () => {
  it('name the role that every decider holds, once', () => {
    expect(termsOf({ from: ['Runs.Read', deciderRole, 'Runs.Read'], count: 2 })).toEqual({
      from: [deciderRole, 'Runs.Read'],
      count: 2,
      expiresMinutes: 60,
      validMinutes: 60,
    });
    expect(termsOf({ expiresMinutes: 5, validMinutes: 1 })).toMatchObject({ expiresMinutes: 5, validMinutes: 1 });
  });

  it('stand in no rule for emergencies', () => {
    expect(approvalProblems({ approval: {}, breakGlass: true }, 'rules[3]')).toEqual([
      expect.stringMatching(/^rules\[3\]\.breakGlass: .*two rules\.$/),
    ]);
    expect(approvalProblems({ approval: {} }, 'rules[3]')).toEqual([]);
    expect(approvalProblems({ breakGlass: true }, 'rules[3]')).toEqual([]);
  });
});
