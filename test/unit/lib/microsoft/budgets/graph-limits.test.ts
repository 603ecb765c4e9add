import { describe, expect, it } from 'vitest';
import { budgetNamed, unitsOf, unitsPerSecond } from '../../../../../src/lib/microsoft/budgets/graph-limits.ts';
import { spendsOf } from '../../../../../src/lib/microsoft/budgets/graph-limits.ts';

describe('the units of a request to Microsoft Graph', () => {
  it.each([
    ['GET', '/v1.0/users', 2],
    ['GET', '/v1.0/users?$select=id', 1],
    ['GET', '/v1.0/users?%24select=id&$expand=manager', 2],
    ['GET', '/v1.0/users?$top=10', 1],
    ['GET', '/v1.0/users?$top=20', 2],
    ['GET', '/v1.0/users?top=10&select=id', 1],
    ['GET', '/v1.0/users/00000000-0000-4000-8000-000000000001', 1],
    ['GET', '/beta/groups/x/transitiveMembers', 5],
    ['GET', '/v1.0/groups/x/members?$select=id&$top=5', 1],
    ['GET', '/v1.0/domains/contoso.com/domainNameReferences', 4],
    ['GET', '/v1.0/subscribedSkus', 3],
    ['GET', '', 1],
    ['PATCH', '/v1.0/users', 1],
  ])('%s %s: %i', (method, path, units) => {
    expect(unitsOf(method, path)).toBe(units);
  });
});

describe('what a request spends', () => {
  it.each([
    ['GET', ['/v1.0/users'], { 'graph-units': 2 }],
    ['PATCH', ['/v1.0/users/x'], { 'graph-units': 1, 'graph-writes': 1 }],
    ['GET', ['/v1.0/auditLogs/signIns?$top=5'], { 'graph-reports': 1 }],
    ['GET', ['/beta/reports/authenticationMethods/userRegistrationDetails'], { 'graph-reports': 1 }],
    ['GET', ['/v1.0/reports/getMailboxUsageDetail'], { 'graph-units': 1 }],
    ['GET', ['/v1.0/users?$select=id,signInActivity&$top=500'], { 'graph-reports': 1 }],
    ['GET', ['/beta/users/x?%24select=signInActivity'], { 'graph-reports': 1 }],
    ['GET', ['/v1.0/identity/conditionalAccess/policies'], { 'graph-access': 1 }],
    ['POST', ['/v1.0/identity/conditionalAccess/namedLocations'], { 'graph-access': 1, 'graph-writes': 1 }],
    ['GET', ['/v1.0/identity/conditionalAccess/namedLocations/x'], { 'graph-access': 1 }],
    [
      'POST',
      ['/beta/identity/conditionalAccess/deletedItems/policies/x/restore'],
      { 'graph-access': 1, 'graph-writes': 1 },
    ],
    ['GET', ['/v1.0/identityProtection/riskyUsers'], { 'graph-access': 1 }],
    ['GET', ['/v1.0/auditLogsOther'], { 'graph-units': 1 }],
    [
      'GET',
      ['/v1.0/users', '/v1.0/users?$select=id', '/v1.0/auditLogs/signIns'],
      { 'graph-units': 3, 'graph-reports': 1 },
    ],
  ])('%s %j', (method, paths, expected) => {
    const spends = spendsOf({ method, paths });
    expect(Object.fromEntries(spends.map(({ limit, units }) => [limit, units]))).toEqual(expected);
  });
});

it.each([
  [0, 3_500],
  [49, 3_500],
  [50, 5_000],
  [500, 5_000],
  [501, 8_000],
])('a tenant of %i users has 0.95 of %i units in ten seconds', (users, units) => {
  expect(unitsPerSecond(users)).toBeCloseTo((units * 0.95) / 10);
});

it('only the resource units may be more where instances agree', () => {
  const budgetOf = budgetNamed(32);
  expect(budgetOf('graph-units tenant default').largest).toBeCloseTo(760);
  for (const name of ['entra', 'graph-writes t a', 'graph-reports t a', 'graph-access t', 'graph-mail t a'])
    expect(budgetOf(name)).not.toHaveProperty('largest');
});

it('gives nothing of a budget that this version does not know', () => {
  const budgetOf = budgetNamed(32);
  expect(budgetOf('entra')).toEqual({ total: 32, whole: true });
  expect(budgetOf('graph-units tenant default').total).toBeCloseTo(332.5);
  for (const name of ['graph-mail tenant default', 'toString x', 'entra-writes']) expect(budgetOf(name).total).toBe(0);
});
