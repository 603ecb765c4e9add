import { expect, it } from 'vitest';
import { scopeOf } from '../../../../../src/lib/access/policy/explain.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { PolicyDocument } from '../../../../../src/lib/access/policy/policy-document.ts';
import type { DomainName, TenantId } from '../../../../../src/lib/core/identifiers.ts';
import type { TenantFacts } from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { guid } from '../../../../support/audit-entries.ts';

type RuleDocument = PolicyDocument['rules'][number];

function scopeIn(rule: Partial<RuleDocument>, partner?: TenantFacts) {
  const document: PolicyDocument = {
    version: 1,
    tenantGroups: { gold: ['contoso.com'], own: ['partner.example'] },
    rules: [{ name: 'rule', callers: { applications: ['*'] }, tenants: ['*'], ...rule }],
  };
  const parsed = parsePolicy(JSON.stringify(document));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return scopeOf(parsed.policy.rules[0]!, partner);
}

const graph = { resources: ['graph'] };
const sends = { ...graph, scopes: ['User.Read.All'], via: ['gateway'] } satisfies Partial<RuleDocument>;
const readsMail = { resources: ['exchange'], via: ['gateway'] } satisfies Partial<RuleDocument>;
const open = 'at all paths but those of /beta and /me';

it.each<[string, Partial<RuleDocument>]>([
  ['get delegated tokens for graph', graph],
  ['get app-only tokens for graph', { ...graph, grants: ['application'] }],
  ['get delegated and app-only tokens for every resource', { resources: ['*'], grants: ['delegated', 'application'] }],
  ['get delegated tokens for graph, through the application reader of the broker', { ...graph, application: 'reader' }],
  [
    'get delegated tokens for graph, under User.Read.All (other scopes of a token are recorded, not refused)',
    { ...graph, scopes: ['User.Read.All'], excessScopes: 'record' },
  ],
  [
    `get delegated tokens for graph and send delegated requests to graph ${open}, under User.Read.All`,
    { ...sends, via: ['token', 'gateway'] },
  ],
  [`send app-only requests to graph ${open}, under User.Read.All`, { ...sends, grants: ['application'] }],
  [
    'send delegated GET requests to graph at /v1.0/users/*/photo, under User.Read.All',
    { ...sends, requests: { methods: ['GET'], paths: ['/v1.0/users/*/photo'] } },
  ],
  [
    `send delegated GET, POST requests to graph ${open}, under User.Read.All, but not change administrators, group:${guid(9)}, after 2 approvals each by people with the app roles Changes.Apply`,
    {
      ...sends,
      requests: { methods: ['GET', 'POST'] },
      protect: ['administrators', `group:${guid(9)}`],
      approval: { count: 2, from: ['Changes.Apply'] },
    },
  ],
  [
    `send delegated requests to graph ${open}, under User.Read.All, in an emergency, with a reason`,
    { ...sends, breakGlass: true },
  ],
  [
    'send delegated requests to exchange with the cmdlets get-mailbox',
    { ...readsMail, requests: { cmdlets: { 'Get-Mailbox': ['*'] } } },
  ],
  [
    'send delegated requests to exchange at /adminapi/** and without cmdlets',
    { ...readsMail, requests: { paths: ['/adminapi/**'] } },
  ],
  ['apply plans of every change job, after 1 approval each', { changes: ['*'], approval: {} }],
  ['apply plans of block-guests', { changes: ['block-guests'] }],
])('says that the callers of a rule may %s', (may, rule) => {
  expect(scopeIn(rule)).toMatchObject({ may, terms: {} });
});

it.each<[boolean, string, Partial<RuleDocument>]>([
  [true, 'tokens for every resource in every customer tenant', { resources: ['*'] }],
  [true, 'plans of every change job', { changes: ['*'] }],
  [false, 'some resources', graph],
  [false, 'some change jobs', { changes: ['block-guests'] }],
  [false, 'some scopes', { resources: ['*'], scopes: ['User.Read.All'] }],
  [false, 'some tenants', { resources: ['*'], tenants: ['group:gold'] }],
  [false, 'all tenants but some', { resources: ['*'], except: ['group:gold'] }],
  [false, 'plans with an approval', { changes: ['*'], approval: {} }],
  [false, 'emergencies', { resources: ['*'], breakGlass: true }],
  [false, 'the gateway', sends],
])('says %s about whether a rule for %s opens everything', (isOpen, _, rule) => {
  expect(scopeIn(rule).everything).toBe(isOpen ? true : undefined);
});

it.each<[string | undefined, Partial<RuleDocument>]>([
  [undefined, { changes: ['*'] }],
  ['after 1 approval each', { changes: ['*'], approval: {} }],
  ['in an emergency, with a reason', { ...sends, breakGlass: true }],
])('says that %s must happen, at the end of what a rule allows', (approval, rule) => {
  const scope = scopeIn(rule);
  expect(scope.approval).toBe(approval);
  expect(scope.may.endsWith(`, ${approval}`)).toBe(approval !== undefined);
  expect(scope.breakGlass).toBe(rule.breakGlass);
});

it('says of a rule that opens every resource whether the partner is one of its tenants, however its lists name that', () => {
  const partner = {
    tenantId: guid(4) as TenantId,
    domains: ['partner.example' as DomainName],
    tags: new Set<string>(),
    isPartnerTenant: true,
  };
  const opens = (tenants: readonly string[], more: object = {}) =>
    scopeIn({ resources: ['*'], tenants: [...tenants], ...more }, partner).partner;
  expect([[guid(4)], ['partner.example'], ['group:own']].map((tenants) => opens(tenants))).toEqual([true, true, true]);
  // "*" is every customer.
  expect([opens(['*']), opens([guid(5)]), opens([guid(4)], { except: ['group:own'] })]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(opens([guid(4)], graph)).toBeUndefined();
});

it('has the whole lists of which words say less', () => {
  const paths = ['a', 'b', 'c', 'd'].map((name) => `/v1.0/${name}/**`);
  const scopes = ['User.Read.All', 'Group.Read.All', 'Mail.Read', 'Files.Read.All'];
  const cmdlets = { 'Get-Mailbox': ['Identity', 'ResultSize'], 'Get-User': [], 'Get-Group': ['*'] };
  const { may, terms } = scopeIn({ ...sends, resources: ['graph', 'exchange'], scopes, requests: { paths, cmdlets } });
  expect(may).toBe(
    'send delegated requests to graph, exchange at /v1.0/a/**, /v1.0/b/**, /v1.0/c/** and 1 more and with the cmdlets get-mailbox, get-user, get-group (with some parameters only), under User.Read.All, Group.Read.All, Mail.Read and 1 more',
  );
  expect(terms).toEqual({
    scopes,
    'requests.paths': paths,
    'requests.cmdlets': ['get-mailbox: identity, resultsize', 'get-user: no parameters', 'get-group: all parameters'],
  });
});

it('names callers and tenants as the policy does, with every condition on the caller', () => {
  const applications = [guid(1), guid(2)];
  expect(scopeIn({ callers: { applications }, ...graph })).toEqual({
    callers: applications,
    kinds: 'people, applications and agents',
    may: 'get delegated tokens for graph',
    terms: {},
    tenants: ['*'],
    except: [],
  });
  expect(scopeIn(graph)).toMatchObject({ callers: ['*'], kinds: 'people and applications' });
  expect(
    scopeIn({
      callers: { applications: ['*'], kinds: ['user', 'agent'], objects: [guid(3)], roles: ['Tokens.Request'] },
      tenants: ['group:gold', guid(4)],
      except: ['tag:risk'],
      reads: ['group:gold'],
      ...graph,
    }),
  ).toMatchObject({
    kinds: 'people and agents',
    objects: [guid(3)],
    only: 'with the app roles Tokens.Request',
    tenants: ['group:gold', guid(4)],
    except: ['tag:risk'],
    reads: ['group:gold'],
  });
  expect(scopeIn({ callers: { applications: ['*'], blueprints: [guid(5)] }, ...graph })).toMatchObject({
    kinds: 'agents',
    only: `agents of the blueprints ${guid(5)}`,
  });
});
