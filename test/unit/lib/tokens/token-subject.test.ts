import { describe, expect, it } from 'vitest';
import { type AllowedToken, tokenSubject } from '../../../../src/lib/tokens/issue-token.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { partner, tenant } from './stage.ts';

const rule = {
  allow: true,
  rule: 'helpdesk',
  application: 'reader',
  scopes: ['User.Read.All', 'Group.Read.All'],
  excessScopes: 'refuse',
  approval: undefined,
  breakGlass: false,
} as const;
const allowed: AllowedToken = {
  tenantId: tenant(1),
  tenantName: 'Contoso',
  resource: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
  rule,
};
const asked = { scopes: ['User.Read.All'], grant: 'delegated' } as const;
const caller: Caller = {
  tenantId: partner,
  applicationId: tenant(21),
  objectId: tenant(22),
  kind: 'user',
  name: 'ann@contoso.com',
  roles: [],
};

const factsOf = (changes: Partial<AllowedToken> = {}, order: Partial<Parameters<typeof tokenSubject>[1]> = {}) =>
  Object.fromEntries(
    tokenSubject({ ...allowed, ...changes }, { ...asked, ...order }, caller).facts.map(({ name, value }) => [
      name,
      value,
    ]),
  );

it('tells those who approve what the token opens', () => {
  const subject = tokenSubject(allowed, asked, caller);
  expect(subject).toMatchObject({
    kind: 'token',
    title: 'a token for graph in Contoso',
    details: [],
    tenantId: tenant(1),
    rule: 'helpdesk',
    audit: { resource: 'graph', scopes: ['User.Read.All'], grant: 'delegated', application: 'reader' },
  });
  expect(factsOf()).toMatchObject({
    Tenant: `Contoso (${tenant(1)})`,
    Resource: 'graph (https://graph.microsoft.com)',
    'Requested scopes': 'User.Read.All',
    'The token may carry': 'Group.Read.All, User.Read.All',
    'Acts as': 'the service account',
    "The broker's application": 'reader',
    Note: expect.stringContaining('90 minutes') as string,
  });
});

it('says what the lack of a limit means', () => {
  expect(factsOf({ rule: { ...rule, scopes: undefined } })['The token may carry']).toBe(
    'everything that was consented',
  );
  expect(factsOf({ rule: { ...rule, excessScopes: 'record' } })['The token may carry']).toBe(
    'Group.Read.All, User.Read.All, and what was consented beyond that',
  );
  expect(factsOf({}, { scopes: [] })['Requested scopes']).toBe('everything that was consented');
  expect(factsOf({}, { grant: 'application' })['Acts as']).toBe('the application itself');
  expect(factsOf({ tenantName: undefined })['Tenant']).toBe(tenant(1));
  expect(tokenSubject({ ...allowed, tenantName: undefined }, asked, caller).title).toBe(
    `a token for graph in ${tenant(1)}`,
  );
});

describe('the approval', () => {
  const digest = tokenSubject(allowed, asked, caller).digest;
  const changed = (
    token: Partial<AllowedToken>,
    order: Partial<Parameters<typeof tokenSubject>[1]> = {},
    by: Partial<Caller> = {},
  ) => tokenSubject({ ...allowed, ...token }, { ...asked, ...order }, { ...caller, ...by }).digest;

  it.each<[string, string]>([
    ['another tenant', changed({ tenantId: tenant(2) })],
    ['another resource', changed({ resource: { ...allowed.resource, alias: 'arm' } })],
    ['another address of it', changed({ resource: { ...allowed.resource, identifier: 'https://arm.example' } })],
    ['another scope', changed({}, { scopes: ['Group.Read.All'] })],
    ['one more scope', changed({}, { scopes: ['User.Read.All', 'Group.Read.All'] })],
    ['no scope', changed({}, { scopes: [] })],
    ['another grant', changed({}, { grant: 'application' })],
    ['another rule', changed({ rule: { ...rule, rule: 'other' } })],
    ['another application of the broker', changed({ rule: { ...rule, application: 'writer' } })],
    ['a rule without a limit', changed({ rule: { ...rule, scopes: undefined } })],
    ['a wider rule', changed({ rule: { ...rule, scopes: [...rule.scopes, 'Mail.Send'] } })],
    ['more than its scopes', changed({ rule: { ...rule, excessScopes: 'record' } })],
    ['another person', changed({}, {}, { objectId: tenant(23) })],
    ['another application', changed({}, {}, { applicationId: tenant(24) })],
  ])('is not for %s', (_, other) => {
    expect(other).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(digest);
  });

  it('is for the same token in other words', () => {
    expect(changed({}, { scopes: ['User.Read.All', 'User.Read.All'] })).toBe(digest);
    expect(changed({ rule: { ...rule, scopes: rule.scopes.toReversed() } })).toBe(digest);
    expect(changed({ tenantName: 'Contoso Ltd' })).toBe(digest);
    expect(changed({}, { scopes: ['a', 'b'] })).toBe(changed({}, { scopes: ['b', 'a'] }));
  });
});
