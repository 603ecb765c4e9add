import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../../src/lib/callers/parse-policy.ts';
import { policyJsonSchema } from '../../../../src/lib/callers/policy-document.ts';
import { projectRoot } from '../../../paths.ts';
import { guid } from '../../../support/audit-entries.ts';

const rule = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: 'one',
  callers: { applications: [guid(1)] },
  tenants: ['contoso.com'],
  resources: ['graph'],
  ...changes,
});
const document = (rules: unknown[], more: Record<string, unknown> = {}): string =>
  JSON.stringify({ version: 1, rules, ...more });

const problemsOf = (text: string): readonly string[] => {
  const parsed = parsePolicy(text);
  return parsed.ok ? ['(valid)'] : parsed.problems;
};

it('fills in what a rule leaves out: delegated only, any scope, the default application, nothing beyond', () => {
  const parsed = parsePolicy(document([rule()]));
  expect(parsed).toMatchObject({ ok: true, warnings: [] });
  expect(parsed.ok && parsed.policy.rules[0]).toEqual({
    name: 'one',
    callers: new Set([guid(1)]),
    roles: [],
    grants: new Set(['delegated']),
    resources: new Set(['graph']),
    tenants: new Set(['contoso.com']),
    scopes: undefined,
    excessScopes: 'refuse',
    application: 'default',
  });
});

it('resolves groups, compares without regard to capitals, and takes "*" as written', () => {
  const text = document(
    [
      rule({
        callers: { applications: ['*'] },
        tenants: ['group:gold', 'Fabrikam.COM'],
        resources: ['*'],
        scopes: ['*'],
      }),
    ],
    { tenantGroups: { gold: ['Contoso.com', guid(0xab).toUpperCase()] } },
  );
  const parsed = parsePolicy(`\uFEFF${text}`);
  expect(parsed.ok && parsed.policy.rules[0]).toMatchObject({
    callers: '*',
    resources: '*',
    scopes: undefined,
    tenants: new Set(['contoso.com', guid(0xab), 'fabrikam.com']),
  });
});

it('warns of a group that nobody uses and of a rule without any limit', () => {
  const wide = rule({ callers: { applications: ['*'] }, tenants: ['*'], resources: ['*'] });
  const parsed = parsePolicy(document([wide], { tenantGroups: { gold: ['contoso.com'] } }));
  expect(parsed.ok && parsed.warnings).toEqual([
    'No rule uses the group "gold".',
    '"one" gives every caller every resource in every tenant.',
  ]);
});

describe('a broken policy names the place, the fault and what was meant', () => {
  it.each<[string, string, string]>([
    ['text that is no JSON', '{"version": 1,', 'The policy is not JSON'],
    ['an empty text', '', 'The policy is not JSON'],
    ['an array', '[]', 'The policy: '],
    ['a key given twice', '{"version":1,"rules":[],"rules":[]}', 'gives the key "rules" twice'],
    ['another version', JSON.stringify({ version: 2, rules: [] }), 'version: '],
    ['no rules', JSON.stringify({ version: 1 }), 'rules: is missing.'],
    [
      'a misspelt key at the top',
      document([], { tenantGroup: {} }),
      'The policy: there is no key "tenantGroup" here; did you mean "tenantGroups"?',
    ],
    [
      'a misspelt key in a rule',
      document([rule({ scope: ['User.Read'] })]),
      'rules[0]: there is no key "scope" here; did you mean "scopes"?',
    ],
    [
      'an unknown key in callers',
      document([rule({ callers: { applications: [guid(1)], users: [] } })]),
      'rules[0].callers: there is no key "users" here; the keys are applications, roles.',
    ],
    [
      'an unknown group',
      document([rule({ tenants: ['group:gald'] })], { tenantGroups: { gold: ['contoso.com'] } }),
      'rules[0].tenants: there is no group "gald"; did you mean "gold"?',
    ],
    [
      'a group where there are none',
      document([rule({ tenants: ['group:constructor'] })]),
      'rules[0].tenants: there is no group "constructor".',
    ],
    [
      'a group in a group',
      document([], { tenantGroups: { gold: ['group:silver'] } }),
      'tenantGroups.gold[0]: "group:silver" is neither a tenant id nor a domain.',
    ],
    ['"*" in a group', document([], { tenantGroups: { gold: ['*'] } }), 'tenantGroups.gold[0]: "*" is neither'],
    [
      'a bad name for a group',
      document([], { tenantGroups: { 'a b': ['contoso.com'] } }),
      'tenantGroups.a b: is not a name for a group.',
    ],
    ['an empty group', document([], { tenantGroups: { gold: [] } }), 'tenantGroups.gold: must not be empty'],
    ['no tenants', document([rule({ tenants: [] })]), 'rules[0].tenants: must not be empty; "*" means all.'],
    [
      'no callers',
      document([rule({ callers: { applications: [] } })]),
      'rules[0].callers.applications: must not be empty',
    ],
    ['no scopes where scopes are named', document([rule({ scopes: [] })]), 'rules[0].scopes: must not be empty'],
    ['no grants', document([rule({ grants: [] })]), 'rules[0].grants: must not be empty'],
    ['tenants left out', document([rule({ tenants: undefined })]), 'rules[0].tenants: is missing.'],
    [
      'a caller by name',
      document([rule({ callers: { applications: ['helpdesk'] } })]),
      'rules[0].callers.applications[0]: "helpdesk" is neither an application (client) id',
    ],
    [
      'a misspelt role',
      document([rule({ callers: { applications: [guid(1)], roles: ['Token.Request'] } })]),
      'did you mean "Tokens.Request"?',
    ],
    [
      'a misspelt grant',
      document([rule({ grants: ['delegate'] })]),
      'rules[0].grants[0]: "delegate" is none of delegated, application; did you mean "delegated"?',
    ],
    [
      'a pattern for tenants',
      document([rule({ tenants: ['*.contoso.com'] })]),
      'rules[0].tenants[0]: "*.contoso.com" is neither',
    ],
    [
      'an address for a resource',
      document([rule({ resources: ['https://graph.microsoft.com'] })]),
      'rules[0].resources[0]: "https://graph.microsoft.com" is neither the alias',
    ],
    [
      'several scopes in one text',
      document([rule({ scopes: ['User.Read Mail.Read'] })]),
      'rules[0].scopes[0]: "User.Read Mail.Read" is neither the name of one scope',
    ],
    [
      '"*" beside others',
      document([rule({ resources: ['graph', '*'] })]),
      'rules[0].resources: "*" means all and stands alone.',
    ],
    [
      'an application by a name that no application can have',
      document([rule({ application: 'Reader_2' })]),
      'rules[0].application: "Reader_2" is not the name of one of the broker\'s applications',
    ],
    ['two rules of one name', document([rule(), rule()]), 'rules[1].name: another rule is called "one" too.'],
    [
      'excessScopes without scopes',
      document([rule({ excessScopes: 'record' })]),
      'rules[0].excessScopes: says nothing without a list of scopes.',
    ],
    ['a text where a list belongs', document([rule({ tenants: '*' })]), 'rules[0].tenants: '],
    ['null where a rule belongs', document([null]), 'rules[0]: '],
    ['a text of 5 MiB', ' '.repeat(5 * 1024 * 1024), 'is longer than 4 MiB'],
  ])('%s', (_name, text, problem) => {
    expect(problemsOf(text).join('\n')).toContain(problem);
  });

  it('all of them at once', () => {
    const text = document([rule({ tenants: [] }), rule({ name: 'two', grant: ['delegated'], resources: ['GRAPH'] })]);
    expect(problemsOf(text)).toHaveLength(3);
  });
});

it('agrees with the published schema and the sample', () => {
  const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');
  // After a change: `ptb policy schema > access-policy.schema.json`.
  expect(JSON.parse(read('access-policy.schema.json'))).toEqual(policyJsonSchema());
  expect(parsePolicy(read('access-policy.sample.json'))).toMatchObject({ ok: true, warnings: [] });
});
