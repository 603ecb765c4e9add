import { describe, expect, it } from 'vitest';
import { allowingRules, decide } from '../../../../../src/lib/access/policy/decide.ts';
import { explain } from '../../../../../src/lib/access/policy/explain.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import type { AccessPolicy } from '../../../../../src/lib/access/policy/policy.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

const rule = (more: object): object => ({
  name: 'one',
  callers: { applications: [guid(1)] },
  tenants: ['contoso.com'],
  resources: ['graph'],
  ...more,
});
const document = (...rules: readonly object[]): string => JSON.stringify({ version: 1, rules });

function problemsOf(more: object): readonly string[] {
  const parsed = parsePolicy(document(rule(more)));
  return parsed.ok ? [] : parsed.problems;
}

function policyOf(...rules: readonly object[]): AccessPolicy {
  const parsed = parsePolicy(document(...rules));
  if (!parsed.ok) throw new Error(parsed.problems.join(' '));
  return parsed.policy;
}

const gateway = { via: ['gateway'], scopes: ['User.Read.All'] };
const paths = { requests: { paths: ['/a/**'] } };

describe('a rule for the gateway', () => {
  it.each([
    ['names scopes for graph', gateway],
    ['serves tokens too', { ...gateway, via: ['token', 'gateway'], excessScopes: 'record' }],
    ['narrows requests', { ...gateway, requests: { methods: ['GET'], paths: ['/v1.0/users/**', '/beta/users'] } }],
    ['names requests for other resources', { via: ['gateway'], resources: ['arm'], ...paths }],
    ['names cmdlets', { via: ['gateway'], resources: ['exchange'], requests: { cmdlets: { 'Get-Mailbox': [] } } }],
    ['names all of it', { ...gateway, resources: ['*'], ...paths }],
  ])('is valid if it %s', (_, more) => {
    expect(problemsOf(more)).toEqual([]);
  });

  it.each([
    [{ via: ['gateway'] }, /^rules\[0\]\.scopes: .*names the permissions/],
    [{ via: ['gateway'], scopes: ['*'] }, /^rules\[0\]\.scopes: /],
    [{ via: ['token', 'gateway'] }, /^rules\[0\]\.scopes: /],
    [{ via: ['gateway'], resources: ['*'], ...paths }, /^rules\[0\]\.scopes: /],
    [{ via: ['gateway'], resources: ['arm', 'exchange'] }, /^rules\[0\]\.requests: .*arm, exchange/],
    [{ ...gateway, resources: ['graph', 'arm'] }, /^rules\[0\]\.requests: .*arm/],
    [{ ...gateway, resources: ['*'] }, /^rules\[0\]\.requests: .*resources other than graph/],
    [{ via: ['gateway'], resources: ['arm'], requests: { methods: ['GET'] } }, /^rules\[0\]\.requests: /],
    [{ ...gateway, requests: { cmdlets: { 'Get-Mailbox': [] } } }, /requests\.cmdlets: has no effect/],
    [{ ...gateway, excessScopes: 'record' }, /excessScopes: has no effect/],
    [{ ...gateway, requests: { paths: ['/users'] } }, /"\/users" does not start with \/v1\.0\/ or \/beta\//],
    [{ requests: { methods: ['GET'] } }, /requests: has no effect without the gateway/],
    [{ ...gateway, via: [] }, /via: must not be empty/],
    [{ ...gateway, via: ['proxy'] }, /via\[0\]: "proxy" is not one of token, gateway/],
    [{ ...gateway, requests: { methods: ['HEAD'] } }, /"HEAD" is not one of GET/],
    [{ ...gateway, requests: { paths: ['v1.0/users'] } }, /is not a path pattern/],
    [{ ...gateway, requests: { paths: ['/v1.0/**/users'] } }, /is not a path pattern/],
    [{ ...gateway, requests: { paths: ['/v1.0/a%2fb'] } }, /is not a path pattern/],
    [{ via: ['gateway'], resources: ['exchange'], requests: { cmdlets: { mailbox: [] } } }, /not the name of a cmdlet/],
    [{ ...gateway, request: {} }, /unknown key "request"/],
  ])('%j is not valid', (more, problem) => {
    expect(problemsOf(more)).toEqual([expect.stringMatching(problem)]);
  });

  it('that only limits reading has neither via nor requests', () => {
    const reading = { name: 'one', callers: { applications: [guid(1)] }, reads: ['*'], via: ['gateway'] };
    const parsed = parsePolicy(document(reading));
    expect(!parsed.ok && parsed.problems).toEqual([expect.stringMatching(/via: has no effect without tenants/)]);
  });
});

describe('decisions', () => {
  const caller = { applicationId: guid(1), roles: ['Tokens.Request', 'Requests.Send'] as const };
  const asked = { tenantId: tenant(1), domains: ['contoso.com' as never], resource: 'graph', scopes: [] };
  const token = { ...asked, grant: 'delegated' } as const;
  const request = { ...asked, via: 'gateway' } as const;
  const tokens = rule({ name: 'tokens' });
  const requests = rule({ ...gateway, name: 'requests', grants: ['application'] });
  const both = rule({ ...gateway, name: 'both', via: ['gateway', 'token'], scopes: ['User.Read.All'] });

  it('give no token by a rule for the gateway alone', () => {
    const decision = decide(policyOf(requests), caller, token);
    expect(decision).toEqual({
      allow: false,
      missing: 'caller',
      reason: `No rule applies to the application ${guid(1)}.`,
    });
    expect(explain(policyOf(requests, tokens), caller, token).rules).toEqual([
      { rule: 'requests', outcome: 'no tokens' },
      { rule: 'tokens', outcome: 'allows', because: 'tenants: contoso.com' },
    ]);
  });

  it('send no request by a rule for tokens, which is every rule without via', () => {
    expect(decide(policyOf(tokens), caller, request)).toMatchObject({
      allow: false,
      reason: `No rule for the gateway applies to the application ${guid(1)}.`,
    });
  });

  it('find the rules for a request in the order of the policy, whatever their grant', () => {
    const names = allowingRules(policyOf(tokens, requests, both), caller, request).map(({ name }) => name);
    expect(names).toEqual(['requests', 'both']);
    expect(decide(policyOf(both), caller, token)).toMatchObject({
      allow: true,
      rule: 'both',
      scopes: ['User.Read.All'],
    });
  });

  it('name what a rule for the gateway lacks', () => {
    const reason = (more: object) => {
      const decision = decide(policyOf(requests), caller, { ...request, ...more });
      return decision.allow ? '' : decision.reason;
    };
    expect(reason({ resource: 'arm' })).toBe('No rule for this caller allows the resource arm.');
    expect(reason({ domains: [] })).toMatch(/^No rule for this caller allows the resource graph in the tenant/);
  });
});
