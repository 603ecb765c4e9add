import { describe, expect, test } from 'vitest';
import { parseTenantId } from '../../../../src/lib/model/identifiers.ts';
import type { TenantSelection } from '../../../../src/lib/tenants/selection.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { type TenantLists, uniteTenants } from '../../../../src/lib/tenants/union.ts';

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

function unite(lists: Partial<TenantLists>, selection: Partial<TenantSelection> = {}): DelegatedTenant[] {
  return uniteTenants(
    { relationships: [], contracts: [], customers: [], ...lists },
    { include: 'all', exclude: new Set(), withoutGdap: 'allow', ...selection },
    nowMs,
  );
}

const standing = (...relationships: Record<string, unknown>[]): Partial<DelegatedTenant> | undefined =>
  unite({ relationships })[0];

describe('GDAP relationships with one customer', () => {
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
  ] as const)('%s, ending in %s days, %o: reachable %s, %s', (status, days, more, reachable, reason) => {
    const result = standing(relationship(a, status, days === undefined ? undefined : at(days), more));
    expect(result).toMatchObject({ tenantId: a, relationship: 'gdap', reachable, reason });
  });

  test('an ended one beside an active one does no harm, and the latest end of the active ones counts', () => {
    const result = standing(
      relationship(a, 'terminated', at(500)),
      relationship(a, 'active', at(10)),
      relationship(a, 'active', at(90)),
      relationship(a, 'expired', at(-5)),
    );
    expect(result).toMatchObject({ reachable: true, reason: 'gdap_active', relationshipEndsAtMs: nowMs + 90 * day });
  });

  test('of two that end soon, one that renews itself is enough', () => {
    expect(
      standing(relationship(a, 'active', at(10)), relationship(a, 'active', at(12), { autoExtendDuration: 'P180D' })),
    ).toMatchObject({ reason: 'gdap_active' });
  });

  test('a new request says more than an old end', () => {
    expect(standing(relationship(a, 'expired', at(-5)), relationship(a, 'approvalPending', undefined))).toMatchObject({
      reason: 'gdap_pending',
    });
  });

  test('one that names no customer, or no GUID, is passed over', () => {
    expect(
      unite({
        relationships: [
          { id: 'x', status: 'created', customer: null },
          { status: 'active', customer: { tenantId: 'contoso.com' } },
        ],
      }),
    ).toEqual([]);
  });

  test('an end date that cannot be read is no end', () => {
    expect(standing(relationship(a, 'active', 'soon'))).toMatchObject({ reachable: true, reason: 'gdap_active' });
  });
});

describe('the union', () => {
  test('has a tenant once, whatever lists it is on and however its id is written, and knows where it came from', () => {
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
        reachable: true,
        reason: 'gdap_active',
        sources: ['relationships', 'contracts', 'partner-center'],
      },
    ]);
  });

  test("has Partner Center's domain, and the contract's, which is a copy from its first day, where there is no other", () => {
    const contracts = [contract(a, { defaultDomainName: 'sold.example' })];
    expect(unite({ contracts, customers: [customer(a, 'reseller')] })[0]?.defaultDomain).toBe(
      'contoso.onmicrosoft.com',
    );
    expect(unite({ contracts, customers: [customer(a, 'reseller', { domain: null })] })[0]?.defaultDomain).toBe(
      'sold.example',
    );
  });

  test('an expired GDAP relationship is not healed by a reseller contract', () => {
    const [tenant] = unite({ relationships: [relationship(a, 'expired', at(-1))], contracts: [contract(a)] });
    expect(tenant).toMatchObject({ reachable: false, reason: 'gdap_expired' });
  });

  test.each([
    ['allow', true, 'reseller_contract'],
    ['deny', false, 'no_gdap'],
  ] as const)('a reseller contract without GDAP: %s', (withoutGdap, reachable, reason) => {
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
  });

  test('a customer who is only advised has no way in', () => {
    expect(unite({ customers: [customer(a, 'advisor')] })[0]).toMatchObject({
      relationship: 'none',
      reachable: false,
      reason: 'no_relationship',
    });
  });

  test('is sorted by name, then id, on every machine alike', () => {
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

  test('a tenant without any name is called by its domain, or else its id', () => {
    expect(unite({ contracts: [contract(a, { displayName: ' ' })] })[0]?.name).toBe('contoso.com');
    expect(unite({ contracts: [contract(a, { displayName: null, defaultDomainName: null })] })[0]?.name).toBe(a);
  });
});

describe('include and exclude', () => {
  const lists = {
    relationships: [relationship(a, 'active', at(100)), relationship(b, 'active', at(100))],
    contracts: [contract(a)],
  };
  const reasons = (selection: Partial<TenantSelection>): [string, boolean][] =>
    unite(lists, selection)
      .toSorted((x, y) => (x.tenantId < y.tenantId ? -1 : 1))
      .map(({ reason, reachable }) => [reason, reachable]);
  const these = (...texts: string[]) => new Set(texts.map((text) => parseTenantId(text)!));

  test('an excluded tenant stays in the list, out of reach', () => {
    expect(reasons({ exclude: these(a) })).toEqual([
      ['excluded', false],
      ['gdap_active', true],
    ]);
  });

  test('an include list leaves all others out', () => {
    expect(reasons({ include: these(b) })).toEqual([
      ['not_included', false],
      ['gdap_active', true],
    ]);
  });

  test('an include list of which nothing is left leaves everybody out', () => {
    expect(reasons({ include: these() })).toEqual([
      ['not_included', false],
      ['not_included', false],
    ]);
  });

  test('exclude wins over include', () => {
    expect(reasons({ include: these(a), exclude: these(a) })).toEqual([
      ['excluded', false],
      ['not_included', false],
    ]);
  });
});
