import { describe, expect, test } from 'vitest';
import { gdapStates, type TenantLists, uniteTenants } from '../../../../src/lib/tenants/lists.ts';
import { isExcluded } from '../../../../src/lib/tenants/tenant.ts';

const nowMs = Date.parse('2026-11-24T00:00:00Z');
const dayMs = 24 * 3_600_000;
const id = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;
const [a, b, c] = [id('a'), id('b'), id('c')];

const relationship = (status: string, days: number | undefined, more: object = {}): Record<string, unknown> => ({
  displayName: 'Managed services',
  customer: { tenantId: a, displayName: 'Contoso' },
  status,
  ...(days === undefined ? {} : { endDateTime: new Date(nowMs + days * dayMs).toISOString() }),
  ...more,
});
const standing = (...relationships: Record<string, unknown>[]) => [...gdapStates(relationships, nowMs).values()][0];

describe('gdapStates', () => {
  test.each([
    [
      'the one that ends last is terminated',
      [relationship('expired', -50), relationship('terminated', -1)],
      'gdap_terminated',
    ],
    [
      'the one that ends last has expired',
      [relationship('terminated', -50), relationship('expired', -1)],
      'gdap_expired',
    ],
    [
      'the order of the list is the other one',
      [relationship('expired', -1), relationship('terminated', -50)],
      'gdap_expired',
    ],
    [
      'one without an end counts as ending now',
      [relationship('terminated', undefined), relationship('expired', -1)],
      'gdap_terminated',
    ],
  ] as const)('names the latest ended relationship: %s', (_title, relationships, reason) => {
    expect(standing(...relationships)).toMatchObject({ active: false, reason });
  });

  test('ignores items without a customer, and takes the first name that is not empty', () => {
    const unnamed = relationship('active', 100, { customer: { tenantId: a } });
    expect(gdapStates([relationship('created', 1, { customer: undefined })], nowMs).size).toBe(0);
    expect(standing(unnamed)).toMatchObject({ name: undefined });
    expect(standing(unnamed, relationship('active', 100))).toMatchObject({ name: 'Contoso' });
  });

  test('has no end if no relationship has one, and does not expect it to expire', () => {
    expect(standing(relationship('active', undefined))).toMatchObject({ endsAtMs: undefined, reason: 'gdap_active' });
    expect(standing(relationship('active', 3), relationship('active', undefined))?.reason).toBe('gdap_active');
  });

  test('takes the latest end of the active relationships only', () => {
    const mixed = [relationship('active', 100), relationship('active', 50), relationship('terminated', 300)];
    expect(standing(...mixed)?.endsAtMs).toBe(nowMs + 100 * dayMs);
    expect(standing(relationship('terminated', 300))?.endsAtMs).toBe(nowMs + 300 * dayMs);
  });

  test.each([
    [30, 'gdap_active'],
    [29, 'gdap_expiring'],
    [0, 'gdap_expired'],
  ])('is %s days before the end %s', (days, reason) => {
    expect(standing(relationship('active', days))?.reason).toBe(reason);
  });

  test.each([
    ['P0D', 'gdap_expiring'],
    ['PT0S', 'gdap_expiring'],
    [undefined, 'gdap_expiring'],
    ['P180D', 'gdap_active'],
    ['P0DT1H', 'gdap_active'],
  ])('reads the automatic extension %s', (autoExtendDuration, reason) => {
    expect(standing(relationship('active', 5, { autoExtendDuration }))?.reason).toBe(reason);
  });

  test('treats an unknown status and a missing display name as an ended relationship of the partner', () => {
    const bare = relationship('x', 100, { status: undefined, displayName: undefined });
    expect(standing(bare)).toMatchObject({ active: false, reason: 'gdap_expired' });
  });
});

describe('uniteTenants', () => {
  const contract = (customerId: unknown, displayName: string) => ({ customerId, displayName });
  const unite = (lists: Partial<TenantLists>, withoutGdap: 'allow' | 'deny' = 'allow') =>
    uniteTenants(
      { relationships: [], contracts: [], customers: [], ...lists },
      { include: 'all', exclude: new Set(), withoutGdap },
      nowMs,
    );

  test('skips items without a valid tenant id', () => {
    const contracts = [contract(undefined, 'None'), contract('nonsense', 'Wrong')];
    const customers = [{ id: 'nonsense' }, {}, { companyProfile: { tenantId: 'nonsense' } }];
    expect(unite({ contracts, customers })).toEqual([]);
  });

  test('sorts by name without regard to case, then by id', () => {
    const contracts = [contract(c, 'beta'), contract(b, 'Alpha'), contract(a, 'BETA'), contract(id('d'), 'zeta')];
    expect(unite({ contracts }).map(({ tenantId }) => tenantId)).toEqual([b, a, c, id('d')]);
    expect(unite({ contracts: contracts.toReversed() }).map(({ tenantId }) => tenantId)).toEqual([b, a, c, id('d')]);
  });

  test('sorts an underscore, which lies between upper and lower case, by the lower case', () => {
    const contracts = [contract(a, 'a_'), contract(b, 'AB')];
    expect(unite({ contracts }).map(({ tenantId }) => tenantId)).toEqual([a, b]);
  });

  test('takes the tenant id of the profile before the id of the customer, and manages without a profile', () => {
    const customers = [
      { id: b, companyProfile: { tenantId: a, companyName: 'One', domain: 'one.example' } },
      { id: c, relationshipToPartner: 'Reseller' },
    ];
    expect(unite({ customers })).toEqual([
      expect.objectContaining({
        tenantId: c,
        name: c,
        relationship: 'dap',
        reason: 'reseller_contract',
        reachable: true,
      }),
      expect.objectContaining({ tenantId: a, name: 'One', relationship: 'none', defaultDomain: 'one.example' }),
    ]);
  });

  test.each([
    ['allow', 'reseller_contract', true],
    ['deny', 'no_gdap', false],
  ] as const)('decides on a reseller contract without GDAP: %s', (withoutGdap, reason, reachable) => {
    expect(unite({ contracts: [contract(a, 'A')] }, withoutGdap)[0]).toMatchObject({ reason, reachable });
  });

  test('names only the lists that contain the tenant', () => {
    const [tenant] = unite({ contracts: [contract(a, 'A')], relationships: [relationship('active', 100)] });
    expect(tenant).toMatchObject({ relationship: 'gdap', sources: ['relationships', 'contracts'] });
    expect(unite({ contracts: [contract(a, 'A')] })[0]?.sources).toEqual(['contracts']);
  });
});

test.each([
  ['excluded', true],
  ['not_included', true],
  ['gdap_active', false],
  ['no_gdap', false],
] as const)('isExcluded of the reason %s is %s', (reason, excluded) => {
  expect(isExcluded({ reason })).toBe(excluded);
});
