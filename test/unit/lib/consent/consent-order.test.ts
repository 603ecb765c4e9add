import { describe, expect, it } from 'vitest';
import { planConsent, planResumption } from '../../../../src/lib/consent/consent-result.ts';
import { compareConsent, customerResources, noConsent } from '../../../../src/lib/consent/customer-grants.ts';
import { graphAppId, partnerCenterAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { exchange, graph, teams, tenants, wanted } from './customer-consent-bench.ts';

const [tenantId = '' as never] = tenants(1);
const customer = { tenantId, name: 'Contoso' };
const none = new Set<string>();
const partial = { ...graph, scopes: ['User.Read.All'] };

describe('planConsent', () => {
  const plan = (grants: (typeof graph)[], renew = false, absent = none) =>
    planConsent(customer, wanted, { grants, absent, isComplete: true }, renew);

  it('gives everything where there is no consent', () => {
    expect(planConsent(customer, wanted, noConsent, true)).toEqual({
      ...customer,
      give: wanted,
      withdrawsFirst: false,
      already: [],
      outdated: [],
      canRenew: true,
      unavailable: [],
    });
  });

  it('adds a resource that is missing without a withdrawal', () => {
    expect(plan([graph], true)).toMatchObject({ give: [exchange], withdrawsFirst: false, already: [graph] });
  });

  it('leaves a resource with fewer permissions alone unless it may withdraw', () => {
    expect(plan([partial])).toMatchObject({
      give: [exchange],
      withdrawsFirst: false,
      outdated: [{ ...graph, scopes: ['Group.Read.All'] }],
    });
    expect(plan([partial, teams], true)).toMatchObject({
      give: [graph, teams, exchange],
      withdrawsFirst: true,
      former: [partial, teams],
      outdated: [],
    });
  });

  it('withdraws nothing unless all grants are known', () => {
    const consent = { grants: [partial], absent: none, isComplete: false };
    expect(planConsent(customer, wanted, consent, true)).toMatchObject({
      give: [exchange],
      withdrawsFirst: false,
      outdated: [{ scopes: ['Group.Read.All'] }],
      canRenew: false,
    });
  });

  it('skips a resource that the customer does not have', () => {
    expect(plan([partial], true, new Set(['exchange']))).toMatchObject({ give: [graph], unavailable: [exchange] });
  });

  it('does nothing where nothing is missing', () => {
    expect(plan([graph, exchange, teams], true)).toMatchObject({ give: [], withdrawsFirst: false, already: wanted });
  });
});

describe('planResumption', () => {
  const entry = { ...customer, startedAtMs: 0, before: [partial, teams], after: [graph, teams] };

  it('gives what is still missing, or everything if the consent cannot be read', () => {
    expect(planResumption(entry, { grants: [teams], absent: none, isComplete: true })).toMatchObject({
      give: [graph],
      already: [teams],
    });
    expect(planResumption(entry, undefined)).toMatchObject({ give: [graph, teams], former: [partial, teams] });
  });
});

describe('customerResources', () => {
  it('names the delegated permissions without those for Partner Center', () => {
    expect(customerResources(profiles.gdap).map(({ name }) => name)).toEqual([
      'Microsoft Graph',
      'Office 365 Exchange Online',
      'Azure Resource Manager',
    ]);
    expect(customerResources(profiles.reader).map(({ appId }) => appId)).toEqual([graphAppId]);
  });
});

describe('compareConsent', () => {
  it('names what is missing and what is in excess, by resource', () => {
    const grants = [{ ...graph, scopes: ['User.Read.All', 'Mail.Read'] }, exchange, teams];
    expect(compareConsent(wanted, { grants, absent: none, isComplete: true })).toEqual({
      missing: [{ ...graph, scopes: ['Group.Read.All'] }],
      excess: [{ ...graph, scopes: ['Mail.Read'] }, teams],
      unavailable: [],
    });
  });

  it('accepts sign-in scopes of Microsoft Graph and a consent to Partner Center', () => {
    const own = { ...graph, appId: graphAppId };
    const grants = [
      { ...own, scopes: [...own.scopes, 'openid', 'profile', 'offline_access'] },
      { appId: partnerCenterAppId, name: 'Partner Center', scopes: ['user_impersonation'] },
    ];
    expect(compareConsent([own], { grants, absent: none, isComplete: true })).toEqual({
      missing: [],
      excess: [],
      unavailable: [],
    });
  });
});
