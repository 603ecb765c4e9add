import { describe, expect, it } from 'vitest';
import {
  selectionOf,
  selects,
  createSetCompiler,
  domainsIn,
  missingFact,
  parseEntry,
  readGroups,
  type TenantFacts,
  type TenantGroups,
} from '../../../../../src/lib/access/tenants/tenant-set.ts';
import { namesOfTags } from '../../../../../src/lib/tenants/tags.ts';
import { whyContained } from '../../../../../src/lib/access/policy/explain.ts';
import type { DomainName } from '../../../../../src/lib/core/identifiers.ts';
import { tenant } from '../../../../support/audit-entries.ts';

const one = tenant(1);
const read = readGroups({
  gold: [one.toUpperCase(), 'group:inner'],
  inner: ['contoso.com', 'tag:managed'],
  regulated: ['tag:hipaa', 'fabrikam.com'],
});
const groups: TenantGroups = read.ok ? read.groups : new Map();
const entries = (texts: readonly string[]) => texts.map((text) => parseEntry(text)!);
// A new compiler each time: it remembers, so a later test would not compile.
const choice = (tenants: readonly string[], except: readonly string[] = []) => {
  const compile = createSetCompiler(groups);
  return selectionOf(compile(entries(tenants)), compile(entries(except)));
};
const facts = (more: Partial<TenantFacts> & { readonly own?: readonly string[] } = {}): TenantFacts => ({
  tenantId: tenant(9),
  domains: [],
  tags: namesOfTags(more.own ?? []),
  ...more,
});
const domain = (text: string) => text as DomainName;

describe('chooses', () => {
  it.each<[string, readonly string[], readonly string[], TenantFacts, boolean]>([
    ['an id', [one], [], facts({ tenantId: one }), true],
    ['another id', [one], [], facts(), false],
    ['a domain', ['contoso.com'], [], facts({ domains: [domain('contoso.com')] }), true],
    ['a domain of a tenant that is not known', ['contoso.com'], [], facts({ tenantId: undefined }), false],
    ['"*"', ['*'], [], facts(), true],
    ['"*" and the partner', ['*'], [], facts({ isPartnerTenant: true }), false],
    ['the partner by its id', [one], [], facts({ tenantId: one, isPartnerTenant: true }), true],
    ['an id in a group', ['group:gold'], [], facts({ tenantId: one }), true],
    ['a domain in a group of a group', ['group:gold'], [], facts({ domains: [domain('contoso.com')] }), true],
    ['a tag in a group of a group', ['group:gold'], [], facts({ own: ['managed'] }), true],
    ['a group without the tenant', ['group:gold'], [], facts({ own: ['other'] }), false],
    ['a tag', ['tag:Tier'], [], facts({ own: ['tier=gold'] }), true],
    ['a tag with its value', ['tag:tier=gold'], [], facts({ own: ['tier=gold'] }), true],
    ['a tag with another value', ['tag:tier=gold'], [], facts({ own: ['tier=silver'] }), false],
    ['a tag with a value and one without', ['tag:tier=gold'], [], facts({ own: ['tier'] }), false],
    ['except by a tag', ['*'], ['tag:hipaa'], facts({ own: ['hipaa'] }), false],
    ['except by another tag', ['*'], ['tag:hipaa'], facts({ own: ['managed'] }), true],
    ['except although the id is named', [one], ['group:regulated'], facts({ tenantId: one, own: ['hipaa'] }), false],
    ['except by a domain', ['*'], ['group:regulated'], facts({ domains: [domain('fabrikam.com')] }), false],
    ['except by its own id', [one], [one], facts({ tenantId: one }), false],
    ['an empty list', [], [], facts({ tenantId: one }), false],
  ])('decides about %s', (_, tenants, except, known, expected) => {
    expect(selects(choice(tenants, except), known)).toBe(expected);
  });

  it('opens nothing while the tags are not known, if a tag is named anywhere', () => {
    const unknown = facts({ tenantId: one, tags: undefined });
    expect(selects(choice([one, 'tag:managed']), unknown)).toBe(false);
    expect(selects(choice(['group:gold']), unknown)).toBe(false);
    expect(selects(choice([one], ['tag:hipaa']), unknown)).toBe(false);
    expect(selects(choice([one], ['group:regulated']), unknown)).toBe(false);
    expect(selects(choice([one], [tenant(2)]), unknown)).toBe(true);
    expect(missingFact(choice([one], ['tag:hipaa']), unknown)).toBe('tags');
  });

  it('opens nothing while the tenant of a domain in except is not known', () => {
    const unknown = facts({ tenantId: one, unresolved: new Set([domain('fabrikam.com')]) });
    expect(selects(choice([one], ['group:regulated']), unknown)).toBe(false);
    expect(missingFact(choice([one], ['fabrikam.com']), unknown)).toBe('domains');
    const another = new Set([domain('contoso.com'), domain('fabrikam.com')]);
    expect(missingFact(choice([one], ['fabrikam.com']), { ...unknown, unresolved: another })).toBe('domains');
    expect(missingFact(choice([one], ['other.com']), unknown)).toBeUndefined();
    // Not to know who owns a domain in `tenants` opens nothing by itself.
    expect(selects(choice([one, 'fabrikam.com']), unknown)).toBe(true);
    expect(selects(choice([one], ['contoso.com']), unknown)).toBe(true);
  });
});

describe('createSetCompiler', () => {
  it('shares a set between lists with the same entries, and no other', () => {
    const compile = createSetCompiler(groups);
    const compiled = (...texts: string[]) => compile(entries(texts));
    expect(compiled('group:gold')).toBe(compiled('group:gold'));
    expect(compiled(one, 'group:gold')).toBe(compiled(one, 'group:gold'));
    expect(compiled('contoso.com')).not.toBe(compiled('group:gold'));
    expect(compiled()).toBe(compiled());
  });

  it('shares the list of domains of a group', () => {
    const compile = createSetCompiler(groups);
    const [first, second] = [['group:inner'], ['a.com', 'group:gold', 'b.com']].map((texts) => compile(entries(texts)));
    expect(first?.domainLists).toEqual([['contoso.com']]);
    expect(second?.domainLists).toEqual([['a.com', 'b.com'], ['contoso.com']]);
    expect(second?.domainLists[1]).toBe(first?.domainLists[0]);
  });
});

it.each<[readonly (readonly string[])[], readonly string[]]>([
  [[], []],
  [[[one, 'tag:x']], []],
  [[['contoso.com', 'a.com']], ['contoso.com', 'a.com']],
  [[['group:gold'], ['group:inner'], [one]], ['contoso.com']],
  [
    [
      ['a.com', 'b.com'],
      ['group:gold', 'b.com'],
    ],
    ['a.com', 'b.com', 'contoso.com'],
  ],
])('domainsIn(%j) names each domain once', (lists, expected) => {
  const compile = createSetCompiler(groups);
  expect(domainsIn(lists.map((texts) => compile(entries(texts))))).toEqual(expected);
});

it.each<[readonly string[], TenantFacts, string | undefined]>([
  [['group:gold'], facts({ own: ['managed'] }), 'group:gold → group:inner → tag:managed'],
  [['group:regulated', 'group:gold'], facts({ tenantId: one }), `group:gold → ${one}`],
  [['tag:tier'], facts({ own: ['tier=gold'] }), 'tag:tier'],
  [['*'], facts(), '*'],
  [['*'], facts({ isPartnerTenant: true }), undefined],
  [['contoso.com', 'tag:x'], facts({ tags: undefined }), undefined],
  [['a.com', 'contoso.com'], facts({ domains: [domain('contoso.com')] }), 'contoso.com'],
])('whyContained(%j) names the entry and the groups that lead to it', (texts, known, expected) => {
  expect(whyContained(entries(texts), groups, known)).toBe(expected);
});
