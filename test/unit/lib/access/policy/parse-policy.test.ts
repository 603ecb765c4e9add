import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyWarnings } from '../../../../../src/lib/access/policy/policy-warnings.ts';
import { parsePolicy } from '../../../../../src/lib/access/policy/parse-policy.ts';
import { policyJsonSchema } from '../../../../../src/lib/access/policy/policy-document.ts';
import { projectRoot } from '../../../../paths.ts';
import { guid } from '../../../../support/audit-entries.ts';

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

it('fills in the defaults: delegated only, any scope, application default, excess refused', () => {
  const parsed = parsePolicy(document([rule()]));
  expect(parsed.ok && policyWarnings(parsed)).toEqual([]);
  expect(parsed.ok && parsed.policy.rules[0]).toEqual({
    name: 'one',
    approval: undefined,
    breakGlass: false,
    callers: new Set([guid(1)]),
    objects: '*',
    kinds: '*',
    blueprints: '*',
    roles: [],
    tokens: true,
    gateway: false,
    requests: undefined,
    reads: undefined,
    grants: new Set(['delegated']),
    resources: new Set(['graph']),
    tenants: {
      tenants: { all: false, names: new Set(['contoso.com']), domainLists: [['contoso.com']], tags: [] },
      except: { all: false, names: new Set(), domainLists: [], tags: [] },
      usesTags: false,
    },
    written: { tenants: [{ kind: 'domain', domain: 'contoso.com' }], except: [], reads: [] },
    scopes: undefined,
    excessScopes: 'refuse',
    application: 'default',
  });
});

it('resolves groups, lowers case and keeps "*"', () => {
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
    tenants: { tenants: { names: new Set([guid(0xab), 'fabrikam.com', 'contoso.com']) } },
  });
});

it('warns about an unused group and about a rule without any limit', () => {
  const wide = rule({ callers: { applications: ['*'] }, tenants: ['*'], resources: ['*'] });
  const parsed = parsePolicy(document([wide], { tenantGroups: { gold: ['contoso.com'] } }));
  expect(parsed.ok && policyWarnings(parsed)).toEqual([
    'No rule uses the group "gold"; runs and jobs may.',
    'The rule "one" allows every caller every resource in every tenant.',
  ]);
});

it('warns about a domain in except, also through a group', () => {
  const text = document([rule({ except: ['group:regulated'] })], { tenantGroups: { regulated: ['contoso.com'] } });
  const parsed = parsePolicy(text);
  expect(parsed.ok && policyWarnings(parsed)).toEqual([
    'The rule "one" excepts the domain contoso.com. A customer can remove a domain from its tenant; name the tenant id instead.',
  ]);
});

it('warns once of a rule that excepts many domains', () => {
  const rules = [1, 2].map((number) => rule({ name: `rule ${number}`, except: ['group:many', `own${number}.com`] }));
  const parsed = parsePolicy(document(rules, { tenantGroups: { many: ['a.com', 'b.com', 'c.com'] } }));
  expect(parsed.ok && policyWarnings(parsed)).toEqual([
    'The rule "rule 1" excepts domains such as own1.com. A customer can remove a domain from its tenant; name the tenant id instead.',
    'The rule "rule 2" excepts domains such as own2.com. A customer can remove a domain from its tenant; name the tenant id instead.',
  ]);
});

describe('parsePolicy with an invalid policy', () => {
  it.each<[string, string, string]>([
    ['text that is not JSON', '{"version": 1,', 'The policy is not JSON'],
    ['an empty text', '', 'The policy is not JSON'],
    ['an array', '[]', 'The policy: '],
    ['a duplicate key', '{"version":1,"rules":[],"rules":[]}', 'contains the key "rules" twice'],
    ['another version', JSON.stringify({ version: 2, rules: [] }), 'version: '],
    ['no rules', JSON.stringify({ version: 1 }), 'rules: is missing.'],
    [
      'a misspelt key at the top',
      document([], { tenantGroup: {} }),
      'The policy: unknown key "tenantGroup"; did you mean "tenantGroups"?',
    ],
    [
      'a misspelt key in a rule',
      document([rule({ scope: ['User.Read'] })]),
      'rules[0]: unknown key "scope"; did you mean "scopes"?',
    ],
    [
      'an unknown key in callers',
      document([rule({ callers: { applications: [guid(1)], users: [] } })]),
      'rules[0].callers: unknown key "users"; the valid keys are applications, objects, kinds, blueprints, roles.',
    ],
    [
      'an unknown group',
      document([rule({ tenants: ['group:gald'] })], { tenantGroups: { gold: ['contoso.com'] } }),
      'rules[0].tenants: unknown group "gald"; did you mean "gold"?',
    ],
    [
      'a group in a policy without groups',
      document([rule({ tenants: ['group:constructor'] })]),
      'rules[0].tenants: unknown group "constructor"; the policy has no groups.',
    ],
    [
      'an unknown group in a group',
      document([], { tenantGroups: { gold: ['group:gald'] } }),
      'tenantGroups.gold: unknown group "gald"; did you mean "gold"? The groups are gold.',
    ],
    [
      'a group that contains itself',
      document([], { tenantGroups: { gold: ['group:inner'], inner: ['group:gold'] } }),
      'tenantGroups.gold: contains itself: gold → inner → gold.',
    ],
    [
      '"*" in a group',
      document([], { tenantGroups: { gold: ['*'] } }),
      'tenantGroups.gold[0]: "*" is only possible in tenants and reads of a rule.',
    ],
    [
      '"*" in except',
      document([rule({ except: ['*'] })]),
      'rules[0].except[0]: "*" is only possible in tenants and reads of a rule.',
    ],
    ['an empty except', document([rule({ except: [] })]), 'rules[0].except: must not be empty.'],
    [
      'an unknown group in except',
      document([rule({ except: ['group:gald'] })], { tenantGroups: { gold: ['contoso.com'] } }),
      'rules[0].except: unknown group "gald"; did you mean "gold"? The groups are gold.',
    ],
    [
      'a tag with odd characters',
      document([rule({ tenants: ['tag:gold customers'] })]),
      'rules[0].tenants[0]: "tag:gold customers" is not a tag: use at most 64 letters, digits,',
    ],
    [
      'a tag that is too long',
      document([rule({ except: [`tag:${'a'.repeat(65)}`] })]),
      'is not a tag: use at most 64 letters, digits,',
    ],
    [
      'an invalid group name',
      document([], { tenantGroups: { 'a b': ['contoso.com'] } }),
      'tenantGroups.a b: is not a valid group name.',
    ],
    ['an empty group', document([], { tenantGroups: { gold: [] } }), 'tenantGroups.gold: must not be empty'],
    ['no objects', document([rule({ callers: { applications: ['*'], objects: [] } })]), 'callers.objects: must not be'],
    [
      'an object by name',
      document([rule({ callers: { applications: ['*'], objects: ['anna@contoso.com'] } })]),
      'rules[0].callers.objects[0]: "anna@contoso.com" is not an object id (a GUID).',
    ],
    [
      '"*" as an object',
      document([rule({ callers: { applications: ['*'], objects: ['*'] } })]),
      'rules[0].callers.objects[0]: "*" is not an object id (a GUID).',
    ],
    [
      'an unknown kind',
      document([rule({ callers: { applications: ['*'], kinds: ['users'] } })]),
      'rules[0].callers.kinds[0]: "users" is not one of application, user, agent; did you mean "user"?',
    ],
    [
      'an unknown group in reads',
      document([rule({ reads: ['group:gald'] })], { tenantGroups: { gold: ['contoso.com'] } }),
      'rules[0].reads: unknown group "gald"; did you mean "gold"?',
    ],
    ['"*" and others in reads', document([rule({ reads: ['*', 'contoso.com'] })]), 'rules[0].reads: "*" means all'],
    [
      'a rule with neither tokens nor reads',
      document([rule({ tenants: undefined, resources: undefined })]),
      'rules[0].tenants: is missing.',
    ],
    [
      'tenants without resources in a rule with reads',
      document([rule({ resources: undefined, reads: ['*'] })]),
      'rules[0].resources: is missing.',
    ],
    [
      'scopes in a rule without tokens',
      document([rule({ tenants: undefined, resources: undefined, reads: ['*'], scopes: ['User.Read'] })]),
      'rules[0].scopes: has no effect without tenants and resources.',
    ],
    ['no tenants', document([rule({ tenants: [] })]), 'rules[0].tenants: must not be empty; "*" means all.'],
    [
      'no callers',
      document([rule({ callers: { applications: [] } })]),
      'rules[0].callers.applications: must not be empty',
    ],
    ['an empty list of scopes', document([rule({ scopes: [] })]), 'rules[0].scopes: must not be empty'],
    ['no grants', document([rule({ grants: [] })]), 'rules[0].grants: must not be empty'],
    ['missing tenants', document([rule({ tenants: undefined })]), 'rules[0].tenants: is missing.'],
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
      'rules[0].grants[0]: "delegate" is not one of delegated, application; did you mean "delegated"?',
    ],
    [
      'a pattern for tenants',
      document([rule({ tenants: ['*.contoso.com'] })]),
      'rules[0].tenants[0]: "*.contoso.com" is neither',
    ],
    [
      'a URL as resource',
      document([rule({ resources: ['https://graph.microsoft.com'] })]),
      'rules[0].resources[0]: "https://graph.microsoft.com" is neither the alias',
    ],
    [
      'several scopes in one string',
      document([rule({ scopes: ['User.Read Mail.Read'] })]),
      'rules[0].scopes[0]: "User.Read Mail.Read" is neither the name of one scope',
    ],
    [
      '"*" with other entries',
      document([rule({ resources: ['graph', '*'] })]),
      'rules[0].resources: "*" means all and must be the only entry.',
    ],
    [
      'an invalid application name',
      document([rule({ application: 'Reader_2' })]),
      'rules[0].application: "Reader_2" is not the name of one of the broker\'s applications',
    ],
    [
      'two rules with the same name',
      document([rule(), rule()]),
      'rules[1].name: another rule has the name "one" as well.',
    ],
    [
      'excessScopes without scopes',
      document([rule({ excessScopes: 'record' })]),
      'rules[0].excessScopes: has no effect without a list of scopes.',
    ],
    [
      'protection beside tokens',
      document([rule({ scopes: ['User.ReadWrite.All'], via: ['token', 'gateway'], protect: ['administrators'] })]),
      'rules[0].protect: a token could change anybody; write "via": ["gateway"], and another rule for tokens.',
    ],
    [
      'protection without the gateway',
      document([rule({ protect: [`group:${guid(7)}`] })]),
      'rules[0].protect: a token could change anybody;',
    ],
    [
      'protection for another resource',
      document([
        rule({
          resources: ['graph', 'exchange'],
          scopes: ['User.ReadWrite.All'],
          via: ['gateway'],
          requests: { cmdlets: { 'Get-Mailbox': [] } },
          protect: ['administrators'],
        }),
      ]),
      'rules[0].protect: works for the resource graph only; write another rule for the others.',
    ],
    [
      'protection of a group by its name',
      document([rule({ via: ['gateway'], scopes: ['User.ReadWrite.All'], protect: ['group:Board'] })]),
      'rules[0].protect[0]: "group:Board" is neither "administrators" nor "group:" and the id of a group.',
    ],
    [
      'protection of nobody',
      document([rule({ via: ['gateway'], protect: [] })]),
      'rules[0].protect: must not be empty.',
    ],
    [
      'protection in a rule that only limits reading',
      document([{ name: 'r', callers: { applications: ['*'] }, reads: [], protect: ['administrators'] }]),
      'rules[0].protect: has no effect without tenants and resources.',
    ],
    ['a string instead of a list', document([rule({ tenants: '*' })]), 'rules[0].tenants: '],
    ['null instead of a rule', document([null]), 'rules[0]: '],
    ['a text of 5 MiB', ' '.repeat(5 * 1024 * 1024), 'is longer than 4 MiB'],
  ])('names the place and the problem of %s', (_name, text, problem) => {
    expect(problemsOf(text).join('\n')).toContain(problem);
  });

  it('reports all problems at once', () => {
    const text = document([rule({ tenants: [] }), rule({ name: 'two', grant: ['delegated'], resources: ['GRAPH'] })]);
    expect(problemsOf(text)).toHaveLength(3);
  });
});

it('matches the published schema and accepts the sample policy', () => {
  const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');
  // After a change: `ptb policy schema > access-policy.schema.json`.
  expect(JSON.parse(read('access-policy.schema.json'))).toEqual(policyJsonSchema());
  const sample = parsePolicy(read('access-policy.sample.json'));
  expect(sample.ok && policyWarnings(sample)).toEqual([]);
});

it('knows the names of callers by ids in lower case', () => {
  const parsed = parsePolicy(document([rule()], { callerNames: { [guid(0xa).toUpperCase()]: 'Portal' } }));
  expect(parsed).toMatchObject({ ok: true, policy: { callerNames: new Map([[guid(0xa), 'Portal']]) } });
});

it.each([
  [
    { portal: 'Portal' },
    'callerNames.portal: is not the id of an application, a service principal or a person (a GUID).',
  ],
  [{ [guid(1)]: 'two\nlines' }, `callerNames.${guid(1)}: "two\nlines" must be one line without control characters.`],
  [
    { [guid(1)]: 'Ann', [guid(2)]: 'Bob', [guid(3)]: ' ANN' },
    `callerNames.${guid(3)}: another caller has the name "ANN" as well.`,
  ],
])('refuses the caller name in %j', (callerNames, problem) => {
  expect(problemsOf(document([rule()], { callerNames }))).toEqual([problem]);
});
