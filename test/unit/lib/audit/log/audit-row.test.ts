import { describe, expect, it } from 'vitest';
import { partitionKeyAt, rowKeyAt, timeOfKeys, toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import { auditStartMs, denied, guid, issued } from '../../../../support/audit-entries.ts';

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

const row0 = `9999996399999-${guid(1)}`;

// Stored rows are found by these keys, so another form would lose the records of an installation.
describe('the keys of a row', () => {
  it.each([
    [0, '2777777', '9999999999999'],
    [-1, '2777777', '9999999999999'],
    [3_599_999.9, '2777777', '9999996400000'],
    [3_600_000, '2777776', '9999996399999'],
    [auditStartMs, '2279024', '8204487399999'],
    [9_999_999_999_999, '0000000', '0000000000000'],
    [9_999_999_999_998, '0000000', '0000000000001'],
    [1e15, '0000000', '0000000000000'],
  ])('of the time %d are %s and %s', (ms, partition, row) => {
    expect([partitionKeyAt(ms), rowKeyAt(ms)]).toEqual([partition, row]);
  });

  it('are those of its writing, if that is later', () => {
    const row = toRow(issued({ atMs: 0, writtenMs: 3_600_000 }), guid(1));
    expect(row).toMatchObject({ partitionKey: '2777776', at: '1970-01-01T00:00:00.000Z' });
    expect(row).not.toHaveProperty('writtenMs');
    expect(timeOfKeys(row.partitionKey, row.rowKey)).toBe(3_600_000);
  });

  it.each([
    ['2777777', row0],
    ['2777776', 'x'],
    ['2777776', '9999996399999_x'],
    ['0000NaN', 'x'],
  ])('have no time if no version writes them: %s, %s', (partitionKey, rowKey) => {
    expect(timeOfKeys(partitionKey, rowKey)).toBeUndefined();
  });

  it('are those of its time, and end with its id', () => {
    expect(toRow(issued(), guid(1))).toMatchObject({ partitionKey: '2279024', rowKey: `8204487399999-${guid(1)}` });
  });
});

describe('text from outside', () => {
  const long = (character: string): string => character.repeat(20_000);
  const textColumns = ['rule', 'correlationId', 'tokenId', 'application', 'path'] as const;
  const nameColumns = ['method', 'cmdlet', 'uti', 'requestId'] as const;

  it('is cut, so that 100 rows fit into one transaction', () => {
    const columns = Object.fromEntries([...textColumns, ...nameColumns].map((name) => [name, long('x')]));
    const scopes = [long('x')];
    const row = toRow(issued({ ...columns, scopes, excessScopes: scopes }), guid(1));
    const lengthOf = (name: string): number => String(row[name]).length;
    expect(textColumns.map(lengthOf)).toEqual(textColumns.map(() => 512));
    expect(nameColumns.map(lengthOf)).toEqual(nameColumns.map(() => 128));
    expect([lengthOf('scopes'), lengthOf('excessScopes')]).toEqual([8_000, 8_000]);
    expect(100 * Buffer.byteLength(JSON.stringify(row))).toBeLessThan(4 * 1024 * 1024);
  });

  it.each([
    ['tab\tand\u0000null', 'tab\u{FFFD}and\u{FFFD}null'],
    ['half \uD83D of a pair', 'half \u{FFFD} of a pair'],
    ['whole \u{1F600} pair', 'whole \u{1F600} pair'],
    ['Müller', 'Müller'],
    ['plain', 'plain'],
  ])('of %j is kept as %j', (text, stored) => {
    expect(toRow(issued({ rule: text }), guid(1)).rule).toBe(stored);
  });

  it('in scopes is kept as ASCII', () => {
    const row = toRow(issued({ scopes: ['User.Read', 'ü\n'], excessScopes: ['é'] }), guid(1));
    expect([row.scopes, row.excessScopes]).toEqual(['User.Read ??', '?']);
  });

  it('leaves columns out that the entry lacks', () => {
    const row = toRow(denied(), guid(1));
    expect(Object.values(row)).not.toContain(undefined);
    const absent = ['excessScopes', 'expiresAt', 'tenantAsked', 'rule', 'tenantId'];
    expect(Object.keys(row).filter((name) => absent.includes(name))).toEqual([]);
  });
});
