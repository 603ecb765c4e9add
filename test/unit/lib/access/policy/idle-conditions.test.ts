import { describe, expect, it } from 'vitest';
import { policyWarnings } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { guid } from '../../../../support/audit-entries.ts';

type Keys = Readonly<Record<string, unknown>>;

const rule = (name: string, keys: Keys): Keys => ({
  name,
  callers: { applications: [guid(1)] },
  tenants: ['contoso.com'],
  resources: ['graph'],
  ...keys,
});

/** The warnings about conditions of a policy with a conditional rule and a rule without a condition. */
function warningsOf(conditional: Keys, wide: Keys, tenantGroups: Keys = { gold: ['contoso.com', 'fabrikam.com'] }) {
  const rules = [rule('checked', { approval: {}, ...conditional }), rule('wide', wide)];
  const parsed = parsePolicy(JSON.stringify({ version: 1, tenantGroups, rules }));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return policyWarnings(parsed).filter((warning) => warning.includes('has no effect'));
}

const gateway = { via: ['gateway'], scopes: ['User.Read.All'] };

describe('a rule with a condition is idle', () => {
  it.each<[string, Keys, Keys]>([
    ['the same callers, tenants and resources', {}, {}],
    ['every tenant', {}, { tenants: ['*'] }],
    ['every caller and resource', {}, { callers: { applications: ['*'] }, resources: ['*'] }],
    ['a group that holds the tenant', {}, { tenants: ['group:gold'] }],
    ['more grants', {}, { grants: ['delegated', 'application'] }],
    ['more scopes', { scopes: ['User.Read.All'] }, { scopes: ['User.Read.All', 'Group.Read.All'] }],
    ['fewer roles', { callers: { applications: [guid(1)], roles: ['Runs.Read'] } }, {}],
    ['a tag', { tenants: ['tag:gold'] }, { tenants: ['tag:gold', 'tag:silver'] }],
    ['the names of a group', { tenants: ['group:gold'] }, { tenants: ['fabrikam.com', 'contoso.com', 'a.com'] }],
    ['any value of a tag', { tenants: ['tag:tier=gold'] }, { tenants: ['tag:tier'] }],
    ['all but other tenants', {}, { tenants: ['*'], except: ['fabrikam.com'] }],
    ['all but what both except', { tenants: ['*'], except: ['tag:a', 'a.com'] }, { tenants: ['*'], except: ['tag:a'] }],
    ['requests through the gateway', gateway, gateway],
    ['some of the callers', {}, { callers: { applications: [guid(2), guid(1)] } }],
    [
      'no other conditions',
      { ...gateway, requests: { methods: ['GET'] } },
      { ...gateway, requests: { methods: ['GET', 'POST'] } },
    ],
    [
      'more paths',
      { ...gateway, requests: { paths: ['/v1.0/a/b'] } },
      { ...gateway, requests: { paths: ['/v1.0/c', '/v1.0/a/b'] } },
    ],
    ['requests with more paths', { ...gateway, requests: { paths: ['/v1.0/users'] } }, gateway],
  ])('beside a rule with %s', (_, conditional, wide) => {
    expect(warningsOf(conditional, wide)).toEqual([
      'The rule "checked" has no effect: the rule "wide" allows the same without an approval. Narrow that rule, for example with "except".',
    ]);
  });

  it('also one for emergencies', () => {
    expect(warningsOf({ approval: undefined, breakGlass: true }, {})).toEqual([
      expect.stringContaining('"wide" allows the same without an emergency.'),
    ]);
  });

  it('among several rules of use', () => {
    const rules = [
      rule('free', {}),
      rule('of use', { approval: {}, tenants: ['fabrikam.com'] }),
      rule('idle', { approval: {} }),
    ];
    const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
    expect(parsed.ok && policyWarnings(parsed).filter((warning) => warning.includes('has no effect'))).toEqual([
      expect.stringContaining('The rule "idle" has no effect:'),
    ]);
  });

  it('on tokens or on requests only', () => {
    const both = { ...gateway, via: ['token', 'gateway'] };
    expect(warningsOf(both, { scopes: gateway.scopes })).toEqual([
      expect.stringContaining('"checked" has no effect on tokens:'),
    ]);
    expect(warningsOf(both, gateway)).toEqual([
      expect.stringContaining('"checked" has no effect on requests through the gateway:'),
    ]);
  });
});

describe('a rule with a condition is of use', () => {
  it.each<[string, Keys, Keys]>([
    ['other callers', {}, { callers: { applications: [guid(2)] } }],
    ['named people', {}, { callers: { applications: [guid(1)], objects: [guid(3)] } }],
    ['one kind of callers', {}, { callers: { applications: [guid(1)], kinds: ['user'] } }],
    ['a role', {}, { callers: { applications: [guid(1)], roles: ['Runs.Read'] } }],
    ['other tenants', {}, { tenants: ['fabrikam.com'] }],
    ['fewer tenants', { tenants: ['*'] }, { tenants: ['group:gold'] }],
    ['a tag for a name', {}, { tenants: ['tag:gold'] }],
    ['all tenants but these', {}, { tenants: ['*'], except: ['group:gold'] }],
    ['all tenants but tagged ones', {}, { tenants: ['*'], except: ['tag:gold'] }],
    ['one value of a tag', { tenants: ['tag:tier'] }, { tenants: ['tag:tier=gold'] }],
    ['a part of the group', { tenants: ['group:gold'] }, { tenants: ['contoso.com'] }],
    ['all tenants but some', { tenants: ['*'] }, { tenants: ['*'], except: ['fabrikam.com'] }],
    ['other resources', {}, { resources: ['exchange'] }],
    ['another grant', { grants: ['delegated', 'application'] }, {}],
    ['fewer scopes', {}, { scopes: ['User.Read.All'] }],
    ['the gateway alone', {}, gateway],
    ['tokens alone', gateway, {}],
    ['protected targets', gateway, { ...gateway, protect: ['administrators'] }],
    ['another grant for requests', { ...gateway, grants: ['application'] }, gateway],
    ['reading requests only', gateway, { ...gateway, requests: { methods: ['GET'] } }],
    [
      'other paths',
      { ...gateway, requests: { paths: ['/v1.0/**'] } },
      { ...gateway, requests: { paths: ['/v1.0/a'] } },
    ],
    ['one path', gateway, { ...gateway, requests: { paths: ['/v1.0/a'] } }],
    [
      'one of the paths',
      { ...gateway, requests: { paths: ['/v1.0/a', '/v1.0/b'] } },
      { ...gateway, requests: { paths: ['/v1.0/a'] } },
    ],
    [
      'a path that is spelled alike',
      { ...gateway, requests: { paths: ['/v1.0/a/b'] } },
      { ...gateway, requests: { paths: ['/v1.0/ab'] } },
    ],
    [
      'no methods but GET',
      { ...gateway, requests: { methods: ['GET', 'POST'] } },
      { ...gateway, requests: { methods: ['GET'] } },
    ],
    ['a part of the callers', { callers: { applications: [guid(1), guid(2)] } }, {}],
    ['a part of the scopes', { scopes: ['User.Read.All', 'Mail.Send'] }, { scopes: ['User.Read.All'] }],
    ['some paths of beta', { ...gateway, requests: { paths: ['/v1.0/a', '/beta/users'] } }, gateway],
    ['all paths but beta', { ...gateway, requests: { paths: ['/beta/users'] } }, gateway],
    ['a condition too', {}, { breakGlass: true }],
    ['reading alone', {}, { tenants: undefined, resources: undefined, reads: ['*'] }],
  ])('beside a rule with %s', (_, conditional, wide) => {
    expect(warningsOf(conditional, wide)).toEqual([]);
  });

  it.each<[Keys, Keys, number]>([
    [{ 'Get-Mailbox': ['Identity'] }, { 'get-mailbox': ['*'] }, 1],
    [{ 'Get-Mailbox': ['Identity'] }, { 'Get-Mailbox': [] }, 0],
    [{ 'Set-Mailbox': ['*'] }, { 'Get-Mailbox': ['*'] }, 0],
    [{ 'Set-Mailbox': ['*'], 'Get-Mailbox': ['*'] }, { 'Get-Mailbox': ['*'] }, 0],
    [{ 'Get-Mailbox': ['*'] }, { 'Get-Mailbox': ['Identity'] }, 0],
    [{ 'Get-Mailbox': ['Identity', 'Filter'] }, { 'Get-Mailbox': ['Identity'] }, 0],
  ])('unless cmdlets %j are among %j', (cmdlets, others, count) => {
    const exchange = { resources: ['exchange'], via: ['gateway'] };
    const warnings = warningsOf({ ...exchange, requests: { cmdlets } }, { ...exchange, requests: { cmdlets: others } });
    expect(warnings).toHaveLength(count);
  });
});
