import { expect, it } from 'vitest';
import { toRow } from '../../../../src/lib/audit/audit-row.ts';
import { denied, guid } from '../../../support/audit-entries.ts';

const stored = (asked: { tenantAsked?: string; resource?: string }) => {
  const { tenantAsked, resource } = toRow(denied(asked), guid(1));
  return { tenantAsked, resource };
};

it.each([
  ['a client secret', 'Abc8Q~4vXyZ0123456789abcdefghijklmnop_.-'],
  ['a refresh token', `1.AXoA${'x'.repeat(60)}.AgABAwEAAAD`],
  ['a short refresh token', `0.A${'b'.repeat(45)}`],
  ['an access token', `eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJ4In0.${'c2ln'.repeat(20)}`],
  ['a password', 'correct horse battery staple'],
  ['a storage key', `${'a'.repeat(86)}==`],
  ['a connection string', 'AccountName=x;AccountKey=eA=='],
])('stores no part of %s that was sent as the tenant or the resource', (_name, secret) => {
  expect(stored({ tenantAsked: secret, resource: secret })).toEqual({
    tenantAsked: '[neither a tenant id nor a domain]',
    resource: '[not an alias]',
  });
});

it('stores tenant ids, domains and aliases as the caller wrote them', () => {
  expect(stored({ tenantAsked: 'CONTOSO.com', resource: 'graph' })).toEqual({
    tenantAsked: 'CONTOSO.com',
    resource: 'graph',
  });
  const id = guid(0xab).toUpperCase();
  expect(stored({ tenantAsked: id, resource: 'my-api' })).toEqual({ tenantAsked: id, resource: 'my-api' });
});
