import { describe, expect, it } from 'vitest';
import { decide, denyInAnyTenant, type PolicyCaller, readsOf } from '../../../../../src/lib/access/policy/decide.ts';
import { policyWarnings } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../../../../src/lib/access/policy/policy.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

// decide.property.test.ts compares decisions with a reference. This file checks single cases of rules and agents.

const [own, other, blueprint, person] = [guid(1), guid(2), guid(0xd1), guid(0xb1)];
const agent: PolicyCaller = { applicationId: own, objectId: person, kind: 'agent', blueprint, roles: [] };
const request = { tenantId: tenant(11), domains: [], resource: 'graph', scopes: [], grant: 'delegated' } as const;

const parsed = (...rules: readonly object[]) => parsePolicy(JSON.stringify({ version: 1, rules }));

function policyOf(...rules: readonly object[]): AccessPolicy {
  const result = parsed(...rules);
  if (!result.ok) throw new Error(result.problems.join(' '));
  return result.policy;
}

const rule = (callers: object, more: object = {}) => ({
  name: 'the rule',
  callers: { applications: ['*'], ...callers },
  tenants: ['*'],
  resources: ['graph'],
  ...more,
});

describe('a rule is open to an agent', () => {
  it.each<[string, object]>([
    ['its kind', { kinds: ['agent'] }],
    ['its kind among others', { kinds: ['application', 'agent'] }],
    ['its application', { applications: [other, own] }],
    ['its application and kind', { applications: [own], kinds: ['agent'] }],
    ['its blueprint', { blueprints: [guid(0xd2), blueprint] }],
    ['its blueprint and kind', { blueprints: [blueprint], kinds: ['agent'] }],
    ['its kind and the person that it acts for', { kinds: ['agent'], objects: [person] }],
  ])('if it names %s', (_, callers) => {
    expect(decide(policyOf(rule(callers)), agent, request)).toMatchObject({ allow: true });
  });

  it.each<[string, string, object]>([
    ['names every application', 'agent', {}],
    ['names the person that it acts for', 'agent', { objects: [person] }],
    ['names people and applications', 'kind', { kinds: ['application', 'user'] }],
    ['names people, and its application', 'kind', { applications: [own], kinds: ['user'] }],
    ['names another application', 'caller', { applications: [other], kinds: ['agent'] }],
    ['names another blueprint', 'caller', { blueprints: [guid(0xd2)] }],
    ['names its application, but another blueprint', 'caller', { applications: [own], blueprints: [guid(0xd2)] }],
    ['is for agents of another person', 'object', { kinds: ['agent'], objects: [guid(0xb2)] }],
  ])('but not if it %s', (_, missing, callers) => {
    const policy = policyOf(rule(callers));
    const decision = decide(policy, agent, request);
    expect(decision).toMatchObject({ allow: false, missing });
    expect(denyInAnyTenant(policy, agent, request)).toEqual(decision);
  });

  it('of a blueprint only if the token names it', () => {
    const unnamed = { ...agent, blueprint: undefined };
    expect(decide(policyOf(rule({ blueprints: [blueprint] })), unnamed, request)).toMatchObject({ missing: 'agent' });
  });

  it('and says how rules name agents if none does', () => {
    expect(decide(policyOf(rule({})), agent, request)).toMatchObject({
      reason:
        'No rule for this caller is open to agents. A rule names an agent by its application, its blueprint or the kind agent, and none for emergencies does.',
    });
  });
});

it.each(['application', 'user'] as const)('a rule with blueprints is not open to callers of the kind %s', (kind) => {
  const caller = { ...agent, kind, blueprint: undefined };
  expect(decide(policyOf(rule({ blueprints: [blueprint] })), caller, request)).toMatchObject({ missing: 'caller' });
  expect(decide(policyOf(rule({})), caller, request)).toMatchObject({ allow: true });
});

it('a rule for emergencies is never open to an agent, even if it names its application', () => {
  const policy = policyOf(rule({ applications: [own] }, { breakGlass: true }));
  expect(decide(policy, agent, { ...request, breakGlass: true })).toMatchObject({ allow: false, missing: 'agent' });
  expect(decide(policy, { ...agent, kind: 'user' }, { ...request, breakGlass: true })).toMatchObject({ allow: true });
});

describe('an agent reads', () => {
  const reads = (callers: object, list: readonly string[]) => ({
    name: `reads ${list.join()}`,
    callers: { applications: ['*'], ...callers },
    reads: list,
  });
  const opened = (...rules: readonly object[]) => {
    const found = readsOf(policyOf(...rules), agent);
    return found === '*' ? found : found.flatMap(({ tenants }) => [...tenants.names]);
  };

  it('nothing where a rule limits everybody and none names the agent', () => {
    expect(opened(reads({}, [tenant(11)]))).toEqual([]);
    expect(opened(reads({}, ['*']))).toEqual([]);
    expect(opened(reads({ blueprints: [guid(0xd2)] }, [tenant(11)]))).toBe('*');
  });

  it('nothing where a rule limits the person that it acts for, or applications', () => {
    for (const kinds of [['user'], ['application']])
      expect(opened(reads({ kinds, objects: [person] }, [tenant(11)]))).toEqual([]);
    expect(opened(reads({ kinds: ['user'], objects: [guid(0xb2)] }, [tenant(11)]))).toBe('*');
    expect(opened(reads({ kinds: ['user'], applications: [other] }, [tenant(11)]))).toBe('*');
  });

  it('what the rules that name it list', () => {
    expect(opened(reads({}, [tenant(11)]), reads({ kinds: ['agent'] }, [tenant(12)]))).toEqual([tenant(12)]);
    expect(opened(reads({ blueprints: [blueprint] }, [tenant(13)]))).toEqual([tenant(13)]);
  });

  it('nothing if it may be of a blueprint that a rule limits, because its token does not name it', () => {
    const unnamed = { ...agent, blueprint: undefined };
    expect(readsOf(policyOf(reads({ blueprints: [blueprint] }, [tenant(13)])), unnamed)).toEqual([]);
  });
});

describe('a policy is not valid', () => {
  const problemsOf = (...rules: readonly object[]): readonly string[] => {
    const result = parsed(...rules);
    return result.ok ? [] : result.problems;
  };

  it('with blueprints for callers that have none', () => {
    const problem = 'rules[0].callers.kinds: only agents have a blueprint; leave kinds out, or write two rules.';
    expect(problemsOf(rule({ blueprints: [blueprint], kinds: ['user'] }))).toEqual([problem]);
    expect(problemsOf(rule({ blueprints: [blueprint], kinds: ['agent', 'application'] }))).toEqual([problem]);
    expect(problemsOf(rule({ blueprints: [blueprint], kinds: ['agent'] }))).toEqual([]);
  });

  it('with a blueprint that is no id, a "*" or an empty list', () => {
    for (const blueprints of [['*'], ['x'], [], [7]])
      expect(problemsOf(rule({ blueprints }))).toEqual([expect.stringContaining('rules[0].callers.blueprints')]);
  });

  it('with a rule for emergencies of agents', () => {
    const problem =
      'rules[0].breakGlass: an agent cannot declare an emergency; write the rule for people and applications.';
    for (const callers of [{ kinds: ['agent'] }, { kinds: ['user', 'agent'] }, { blueprints: [blueprint] }])
      expect(problemsOf(rule(callers, { breakGlass: true }))).toEqual([problem]);
  });
});

it.each<[string, object, object, boolean]>([
  ['every application', { kinds: ['agent'] }, {}, false],
  ['every application', { blueprints: [blueprint] }, {}, false],
  ['every application', { kinds: ['user'] }, {}, true],
  ['the same application', { applications: [own], kinds: ['agent'] }, { applications: [own] }, true],
  ['agents', { blueprints: [blueprint] }, { kinds: ['agent'] }, true],
  ['agents', { kinds: ['agent'] }, { blueprints: [blueprint] }, false],
])(
  'a rule for %s without a condition makes the approval of the rule for %j idle or not',
  (_, callers, wide, isIdle) => {
    const result = parsed(rule(callers, { approval: {} }), { ...rule(wide), name: 'wide' });
    expect(
      result.ok && policyWarnings(result).some((warning) => warning.startsWith('The rule "the rule" has no effect')),
    ).toBe(isIdle);
  },
);
