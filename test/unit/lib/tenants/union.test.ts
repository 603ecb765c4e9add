import { describe, expect, test } from 'vitest';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import type { ServedTenants } from '../../../../src/lib/tenants/selection.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { type TenantLists, uniteTenants } from '../../../../src/lib/tenants/lists.ts';

const nowMs = Date.parse('2026-11-24T00:00:00Z');
const day = 24 * 3_600_000;
const at = (days: number): string => new Date(nowMs + days * day).toISOString();
const id = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;
const a = id('a');
const b = id('b');

const relationship = (
  tenantId: string,
  status: string,
  endDateTime: string | undefined,
  more: object = {},
): Record<string, unknown> => ({
  id: 'x-y',
  displayName: 'Managed services',
  customer: { tenantId, displayName: 'Contoso' },
  status,
  endDateTime,
  autoExtendDuration: 'PT0S',
  ...more,
});
const contract = (customerId: string, more: object = {}): Record<string, unknown> => ({
  customerId,
  displayName: 'Contoso',
  defaultDomainName: 'contoso.com',
  contractType: 'ResellerPartner',
  ...more,
});
const customer = (tenantId: string, relationshipToPartner: string, more: object = {}): Record<string, unknown> => ({
  id: tenantId,
  companyProfile: { tenantId, domain: 'contoso.onmicrosoft.com', companyName: 'Contoso Ltd', ...more },
  relationshipToPartner,
});

function unite(lists: Partial<TenantLists>, selection: Partial<ServedTenants> = {}): DelegatedTenant[] {
  return uniteTenants(
    { relationships: [], contracts: [], customers: [], ...lists },
    { include: 'all', exclude: new Set(), withoutGdap: 'allow', ...selection },
    nowMs,
  );
}

const standing = (...relationships: Record<string, unknown>[]): Partial<DelegatedTenant> | undefined =>
  unite({ relationships })[0];

describe('uniteTenants with the GDAP relationships of one customer', () => {
  test.each([
    ['active', 200, {}, true, 'gdap_active'],
    ['expiring', 20, {}, true, 'gdap_expiring'],
    ['active', 20, {}, true, 'gdap_expiring'],
    ['active', 20, { autoExtendDuration: 'P180D' }, true, 'gdap_active'],
    ['active', 20, { autoExtendDuration: 'P0D' }, true, 'gdap_expiring'],
    ['active', -1, {}, false, 'gdap_expired'],
    ['expired', -30, {}, false, 'gdap_expired'],
    ['terminated', 100, {}, false, 'gdap_terminated'],
    ['terminating', 100, {}, false, 'gdap_terminated'],
    ['created', undefined, {}, false, 'gdap_pending'],
    ['approvalPending', undefined, {}, false, 'gdap_pending'],
    ['activating', 100, {}, false, 'gdap_pending'],
    ['unknownFutureValue', 100, {}, false, 'gdap_expired'],
    ['active', 100, { displayName: 'MLT_Contoso_a' }, false, 'gdap_microsoft_led'],
  ] as const)(
    'classifies status %s, end in %s days, %o as reachable %s, reason %s',
    (status, days, more, reachable, reason) => {
      const result = standing(relationship(a, status, days === undefined ? undefined : at(days), more));
      expect(result).toMatchObject({ tenantId: a, relationship: 'gdap', reachable, reason });
    },
  );

  test('ignores ended relationships if one is active, and uses the latest end of the active ones', () => {
    const result = standing(
      relationship(a, 'terminated', at(500)),
      relationship(a, 'active', at(10)),
      relationship(a, 'active', at(90)),
      relationship(a, 'expired', at(-5)),
    );
    expect(result).toMatchObject({ reachable: true, reason: 'gdap_active', relationshipEndsAtMs: nowMs + 90 * day });
  });

  test('knows the first start, the roles of all and the renewal of the active ones', () => {
    const roles = (...ids: string[]) => ({ unifiedRoles: ids.map((roleDefinitionId) => ({ roleDefinitionId })) });
    const [reader, unknown] = ['F2EF992C-3AFB-46B9-B7CF-A126EE74C451', id('7')];
    const result = standing(
      relationship(a, 'expired', at(-5), { activatedDateTime: at(-700), accessDetails: roles(id('8')) }),
      relationship(a, 'active', at(90), { activatedDateTime: at(-40), accessDetails: roles(reader, unknown) }),
      relationship(a, 'active', at(95), { activatedDateTime: at(-60), accessDetails: roles(reader) }),
    );
    expect(result).toMatchObject({
      relationshipStartedAtMs: nowMs - 60 * day,
      relationshipRenews: false,
      roles: [unknown, 'Global Reader'],
    });
    expect(standing(relationship(a, 'active', at(90), { autoExtendDuration: 'P180D' }))?.relationshipRenews).toBe(true);
    expect(
      Object.keys(standing(relationship(a, 'expired', at(-5), { accessDetails: roles(reader) })) ?? {}),
    ).not.toContain('roles');
  });

  test('reports gdap_active if one of two relationships that end soon renews automatically', () => {
    expect(
      standing(relationship(a, 'active', at(10)), relationship(a, 'active', at(12), { autoExtendDuration: 'P180D' })),
    ).toMatchObject({ reason: 'gdap_active' });
  });

  test('reports a pending request rather than an expired relationship', () => {
    expect(standing(relationship(a, 'expired', at(-5)), relationship(a, 'approvalPending', undefined))).toMatchObject({
      reason: 'gdap_pending',
    });
  });

  test('skips a relationship without a customer or with a tenant id that is not a GUID', () => {
    expect(
      unite({
        relationships: [
          { id: 'x', status: 'created', customer: null },
          { status: 'active', customer: { tenantId: 'contoso.com' } },
        ],
      }),
    ).toEqual([]);
  });

  test('ignores an invalid end date', () => {
    expect(standing(relationship(a, 'active', 'soon'))).toMatchObject({ reachable: true, reason: 'gdap_active' });
  });
});

describe('uniteTenants', () => {
  test('merges the entries of a tenant, in upper or lower case, and names its sources', () => {
    const tenants = unite({
      relationships: [relationship(a.toUpperCase(), 'active', at(100))],
      contracts: [contract(a), contract(a)],
      customers: [customer(a, 'reseller')],
    });
    expect(tenants).toEqual([
      {
        tenantId: a,
        name: 'Contoso Ltd',
        defaultDomain: 'contoso.onmicrosoft.com',
        relationship: 'gdap',
        relationshipEndsAtMs: nowMs + 100 * day,
        relationshipRenews: false,
        reachable: true,
        reason: 'gdap_active',
        sources: ['relationships', 'contracts', 'partner-center'],
      },
    ]);
  });

  test("prefers Partner Center's domain to the contract's, which may be outdated", () => {
    const contracts = [contract(a, { defaultDomainName: 'sold.example' })];
    expect(unite({ contracts, customers: [customer(a, 'reseller')] })[0]?.defaultDomain).toBe(
      'contoso.onmicrosoft.com',
    );
    expect(unite({ contracts, customers: [customer(a, 'reseller', { domain: null })] })[0]?.defaultDomain).toBe(
      'sold.example',
    );
  });

  test('reports an expired GDAP relationship although there is a reseller contract', () => {
    const [tenant] = unite({ relationships: [relationship(a, 'expired', at(-1))], contracts: [contract(a)] });
    expect(tenant).toMatchObject({ reachable: false, reason: 'gdap_expired' });
  });

  test.each([
    ['allow', true, 'reseller_contract'],
    ['deny', false, 'no_gdap'],
  ] as const)(
    'applies TENANTS_WITHOUT_GDAP=%s to a reseller contract without GDAP',
    (withoutGdap, reachable, reason) => {
      expect(unite({ contracts: [contract(a)] }, { withoutGdap })[0]).toMatchObject({
        relationship: 'dap',
        reachable,
        reason,
      });
      expect(unite({ customers: [customer(a, 'reseller')] }, { withoutGdap })[0]).toMatchObject({
        relationship: 'dap',
        reachable,
        reason,
      });
    },
  );

  test('reports no_relationship for a customer with the partner as adviser only', () => {
    expect(unite({ customers: [customer(a, 'advisor')] })[0]).toMatchObject({
      relationship: 'none',
      reachable: false,
      reason: 'no_relationship',
    });
  });

  test('sorts by name, then id, independently of the locale', () => {
    const tenants = unite({
      contracts: [
        contract(b, { displayName: 'zeta' }),
        contract(id('c'), { displayName: 'Ähre' }),
        contract(id('e'), { displayName: 'Alpha' }),
        contract(id('d'), { displayName: 'alpha' }),
      ],
    });
    expect(tenants.map(({ tenantId }) => tenantId)).toEqual([id('d'), id('e'), b, id('c')]);
  });

  test('names a tenant without a name by its domain, or else its id', () => {
    expect(unite({ contracts: [contract(a, { displayName: ' ' })] })[0]?.name).toBe('contoso.com');
    expect(unite({ contracts: [contract(a, { displayName: null, defaultDomainName: null })] })[0]?.name).toBe(a);
  });
});

describe('uniteTenants with include and exclude', () => {
  const lists = {
    relationships: [relationship(a, 'active', at(100)), relationship(b, 'active', at(100))],
    contracts: [contract(a)],
  };
  const reasons = (selection: Partial<ServedTenants>): [string, boolean][] =>
    unite(lists, selection)
      .toSorted((x, y) => (x.tenantId < y.tenantId ? -1 : 1))
      .map(({ reason, reachable }) => [reason, reachable]);
  const these = (...texts: string[]) => new Set(texts.map((text) => parseTenantId(text)!));

  test('keeps an excluded tenant in the list as unreachable', () => {
    expect(reasons({ exclude: these(a) })).toEqual([
      ['excluded', false],
      ['gdap_active', true],
    ]);
  });

  test('makes tenants outside the include list unreachable', () => {
    expect(reasons({ include: these(b) })).toEqual([
      ['not_included', false],
      ['gdap_active', true],
    ]);
  });

  test('makes all tenants unreachable for an empty set of included tenants', () => {
    expect(reasons({ include: these() })).toEqual([
      ['not_included', false],
      ['not_included', false],
    ]);
  });

  test('excludes a tenant that is both included and excluded', () => {
    expect(reasons({ include: these(a), exclude: these(a) })).toEqual([
      ['excluded', false],
      ['not_included', false],
    ]);
  });
});
