import { expect, it } from 'vitest';
import { policyWarnings } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';

const application = 'aaaaaaaa-0000-4000-8000-000000000001';
const base = {
  callers: { applications: [application] },
  tenants: ['*'],
  resources: ['graph'],
  scopes: ['User.Read.All'],
};
const gateway = { ...base, name: 'gateway', via: ['gateway'] };

function warningsOf(...rules: readonly object[]): readonly string[] {
  const parsed = parsePolicy(JSON.stringify({ version: 1, rules }));
  return parsed.ok ? policyWarnings(parsed) : parsed.problems;
}

it.each([
  [
    'scopes that write in a rule for GET',
    [{ ...gateway, scopes: ['User.ReadWrite.All'], requests: { methods: ['GET'] } }],
    'do more than read: User.ReadWrite.All',
  ],
  ['an accepted excess', [{ ...base, name: 'tokens', excessScopes: 'record' }], 'hands out tokens with any scopes'],
  [
    'a pattern for everything of a version',
    [{ ...gateway, requests: { paths: ['/v1.0/**'] } }],
    'opens all of /v1.0/**',
  ],
  [
    '"*" at a resource other than Graph',
    [{ ...gateway, resources: ['arm'], requests: { paths: ['/subscriptions/*'] } }],
    'stands for any segment',
  ],
  [
    'a rule that an earlier one covers',
    [gateway, { ...gateway, name: 'later', requests: { methods: ['GET'] } }],
    'The rule "later" has no effect',
  ],
  [
    'a rule after one that protects others',
    [
      { ...gateway, protect: ['administrators'] },
      { ...gateway, name: 'later', protect: [`group:${application}`] },
    ],
    'The rule "later" has no effect',
  ],
])('warns about %s', (_, rules, expected) => {
  expect(warningsOf(...rules)).toEqual([expect.stringContaining(expected)]);
});

it.each([
  [
    'a key of Graph, which "*" alone stands for',
    [{ ...gateway, requests: { methods: ['GET'], paths: ['/v1.0/users/*'] } }],
  ],
  ['scopes that write in a rule for all methods', [{ ...gateway, scopes: ['User.ReadWrite.All'] }]],
  ['a narrow rule before a wide one', [{ ...gateway, name: 'first', requests: { methods: ['GET'] } }, gateway]],
  ['a later rule that also limits reading', [gateway, { ...gateway, name: 'reads', reads: ['*'] }]],
  ['a later rule for tokens', [gateway, { ...base, name: 'tokens' }]],
  [
    'a later rule that protects nobody',
    [
      { ...gateway, protect: ['administrators'] },
      { ...gateway, name: 'later' },
    ],
  ],
  ['a later rule with another grant', [gateway, { ...gateway, name: 'later', grants: ['application'] }]],
])('does not warn about %s', (_, rules) => {
  expect(warningsOf(...rules)).toEqual([]);
});
