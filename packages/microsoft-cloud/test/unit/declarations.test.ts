import { expect, it } from 'vitest';
import type {
  CollectionRules,
  Declaration,
  EntitySet,
  Inverse,
  PropertyRule,
  References,
  Report,
  Row,
  Singleton,
  TenantView,
  Writes,
} from '../../src/graph/declaration.ts';
import { declarations } from '../../src/population/graph/declarations.ts';

it('declares each path once, below the set or singleton that it belongs to', () => {
  const paths = declarations.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
});

it('accepts every kind of declaration', () => {
  const writes: Writes = { operations: ['create'], required: ['displayName'] };
  const rules: CollectionRules & { readonly properties: Readonly<Record<string, PropertyRule>> } = {
    defaultTop: 100,
    properties: { signInActivity: { permissions: ['AuditLog.Read.All'] } },
  };
  const rows = (tenant: TenantView): readonly Row[] => [{ id: tenant.tenantId }];
  const set: EntitySet = { kind: 'set', path: 'groups', type: 'microsoft.graph.group', rows, writes, ...rules };
  const members: References = {
    kind: 'references',
    path: 'groups/{id}/members',
    type: 'microsoft.graph.directoryObject',
    targets: ['users', 'groups'],
    ids: (tenant, group) => tenant.references('groups/{id}/members', group ?? ''),
    writable: true,
  };
  const memberOf: Inverse = {
    kind: 'inverse',
    path: 'users/{id}/memberOf',
    type: 'microsoft.graph.directoryObject',
    of: [members.path],
  };
  const policy: Singleton = {
    kind: 'singleton',
    path: 'policies/x',
    type: 'microsoft.graph.policyBase',
    row: () => ({}),
  };
  const report: Report = { kind: 'report', path: "reports/getX(period='{period}')", lines: () => [['Report Period']] };
  const every: readonly Declaration[] = [set, members, memberOf, policy, report];
  expect(new Set(every.map(({ kind }) => kind)).size).toBe(5);
});
