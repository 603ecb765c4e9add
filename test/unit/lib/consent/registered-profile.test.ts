import { expect, it } from 'vitest';
import type { GraphClient } from '../../../../src/lib/microsoft/graph.ts';
import { permissionKey } from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';
import { registeredProfile } from '../../../../src/lib/consent/profile-file.ts';

const graph = (scopes: object[], roles: object[]): GraphClient =>
  ({
    async *list() {
      yield { id: 'p', displayName: 'Microsoft Graph', oauth2PermissionScopes: scopes, appRoles: roles };
    },
  }) as unknown as GraphClient;
const noLookup = {
  list: () => {
    throw new Error('no lookup expected');
  },
} as unknown as GraphClient;

const both = [permissionKey(graphAppId, 'Scope', 'S1'), permissionKey(graphAppId, 'Role', 'R1')];

it.each(['gdap', 'legacy'] as const)('recognizes the profile %s by its permissions without a lookup', async (name) => {
  const permissions = requiredResourceAccess(profiles[name]).flatMap(({ resourceAppId, resourceAccess }) =>
    resourceAccess.map(({ type, id }) => permissionKey(resourceAppId, type, id)),
  );
  expect(await registeredProfile(noLookup, { displayName: 'Broker', permissions })).toBe(profiles[name]);
});

it('looks up other permissions, delegated and application permissions separately', async () => {
  const found = await registeredProfile(graph([{ id: 's1', value: 'User.Read' }], [{ id: 'r1', value: 'Mail.Send' }]), {
    displayName: 'Broker',
    permissions: both,
  });
  expect(found.resources).toMatchObject([
    { appId: graphAppId, name: 'Microsoft Graph', scopes: [{ value: 'User.Read' }], roles: [{ value: 'Mail.Send' }] },
  ]);
});

it('throws setup_refused for a permission that the resource does not have', async () => {
  const found = registeredProfile(graph([], [{ id: 'r1', value: 'Mail.Send' }]), {
    displayName: 'Broker',
    permissions: both,
  });
  await expect(found).rejects.toMatchObject({
    code: 'setup_refused',
    detail:
      'The registration of "Broker", which --permissions replaces: Microsoft Graph has no delegated permission "s1".',
  });
});
