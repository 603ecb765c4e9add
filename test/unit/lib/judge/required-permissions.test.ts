import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import type { Scheme } from 'graph-permissions/permission-map';
import { requiredPermissions, unneededPermissions } from '../../../../src/lib/judge/judge.ts';

const map = partnerMap();
const required = (url: string, scheme: Scheme = 'delegated', method = 'GET') =>
  requiredPermissions(map, { method, url }, { scheme, host: 'graph.microsoft.com' });

describe('requiredPermissions', () => {
  it('names each permission that opens the request alone', () => {
    expect(required('/v1.0/subscribedSkus')).toMatchObject({
      opened: true,
      anyOf: expect.arrayContaining(['LicenseAssignment.Read.All', 'Organization.Read.All']) as string[],
      together: [],
    });
    // Only the signed-in account's own objects, and the map lists it on /users/{id} for others too.
    expect(required('/v1.0/users/0a1b2c3d')).toMatchObject({
      anyOf: expect.not.arrayContaining(['User.Read']) as string[],
    });
  });

  it('names a smallest set where no permission suffices', () => {
    expect(required('/v1.0/users?$select=id,signInActivity')).toEqual({
      opened: true,
      anyOf: [],
      together: ['AuditLog.Read.All', 'User.Read.All'],
    });
  });

  it('keeps delegated and application permissions apart', () => {
    const allowed = required('/v1.0/users/0a1b2c3d', 'application', 'DELETE');
    expect(allowed).toMatchObject({ anyOf: expect.arrayContaining(['User.ReadWrite.CrossCloud']) as string[] });
    expect(required('/v1.0/users/0a1b2c3d', 'delegated', 'DELETE')).toMatchObject({
      anyOf: expect.not.arrayContaining(['User.ReadWrite.CrossCloud']) as string[],
    });
  });

  it('says why nothing opens a request', () => {
    expect(required('/v1.0/subscriptions')).toEqual({
      opened: false,
      reason: 'Subscriptions send data to an address that the caller chooses; use a token for them.',
    });
  });
});

describe('unneededPermissions', () => {
  const unneeded = (permissions: readonly string[], ...urls: readonly string[]) =>
    unneededPermissions(
      map,
      urls.map((url) => ({ method: 'GET', url })),
      { permissions, scheme: 'delegated', host: 'graph.microsoft.com' },
    );

  it('are those that no request needs, each as long as the others stay', () => {
    const urls = ['/v1.0/users?$select=id,displayName', '/v1.0/groups'];
    expect(unneeded(['User.Read.All', 'Group.Read.All', 'Mail.Read'], ...urls)).toEqual(['Mail.Read']);
    expect(unneeded(['User.Read.All', 'User.ReadBasic.All', 'Group.Read.All'], ...urls)).toEqual([
      'User.Read.All',
      'User.ReadBasic.All',
    ]);
    // A request that none opens needs all of them.
    expect(unneeded(['User.Read.All', 'Mail.Read'], '/v1.0/users', '/v1.0/subscriptions')).toEqual([]);
  });

  it('are none where two permissions are needed together', () => {
    expect(unneeded(['AuditLog.Read.All', 'User.Read.All'], '/v1.0/users?$select=id,signInActivity')).toEqual([]);
  });
});
