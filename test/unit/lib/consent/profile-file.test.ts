import { describe, expect, it } from 'vitest';
import { createGraphClient } from '../../../../src/lib/microsoft/graph.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { findManagedIdentity } from '../../../../src/operator/setup/vault-state.ts';
import { readProfile } from '../../../../src/lib/consent/profile-file.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const appId = '00000003-0000-0000-c000-000000000000';
const principal = {
  id: 'principal',
  appId,
  displayName: 'Microsoft Graph',
  oauth2PermissionScopes: [null, { id: 'scope-id', value: 'User.Read' }, { id: 'no-value' }],
  appRoles: [{ id: 'role-id', value: 'User.Read.All' }],
};

function graphOf(answer: () => Scripted) {
  const { fetch, seen } = scriptedFetch(answer);
  const deps = { fetch, clock: new FakeClock(), random: () => 0, limiter: new Limiter(1) };
  const binding = { baseUrl: 'https://graph.test', token: async () => new Secret('t'), correlationId: 'id' };
  return { graph: createGraphClient(deps, binding), seen };
}

const read = (file: unknown, found: readonly object[] = [principal]) =>
  readProfile(
    graphOf(() => ({ value: found })).graph,
    typeof file === 'string' ? file : JSON.stringify(file),
    'p.json',
  );
const profile = (resource: object): object => ({ name: 'mine', resources: [{ appId, ...resource }] });
const wrong = (detail: string | RegExp) => ({
  code: 'config_invalid',
  detail: expect.stringMatching(detail) as string,
});

describe('readProfile', () => {
  it('looks permissions up at the resource, by value or id', async () => {
    const reason = 'Requested by p.json.';
    expect(await read(profile({ scopes: ['User.Read'], roles: ['ROLE-ID'] }))).toEqual({
      name: 'mine',
      resources: [
        {
          appId,
          name: 'Microsoft Graph',
          scopes: [{ id: 'scope-id', value: 'User.Read', reason }],
          roles: [{ id: 'role-id', value: 'User.Read.All', reason }],
        },
      ],
    });
    const unnamed = { ...principal, displayName: undefined };
    expect(await read(profile({}), [unnamed])).toMatchObject({ resources: [{ name: appId, scopes: [], roles: [] }] });
  });

  it.each([
    ['{', /^p\.json: is not JSON\.$/],
    [{ name: 'Mine', resources: [] }, /^p\.json: name: must be lower case/],
    [{ name: 'mine', resources: [] }, /^p\.json: resources: names no resource/],
    [{ name: 'mine', resources: [{ appId: 'x' }] }, /^p\.json: resources\.0\.appId: is not a GUID/],
    [{ name: 'mine', resources: [{ appId }], more: 1 }, /more/],
  ])('rejects %j and names the wrong field', async (file, detail) => {
    await expect(read(file)).rejects.toMatchObject(wrong(detail));
  });

  it('rejects a permission or resource that does not exist', async () => {
    await expect(read(profile({ scopes: ['Misspelt'] }))).rejects.toMatchObject(
      wrong(/^p\.json: Microsoft Graph has no delegated permission "Misspelt"\.$/),
    );
    const bare = { id: 'principal' };
    await expect(read(profile({ roles: ['Misspelt'] }), [bare])).rejects.toMatchObject(
      wrong(/^p\.json: the resource has no application permission "Misspelt"\.$/),
    );
    await expect(read(profile({}), [])).rejects.toMatchObject(wrong(/no service principal .* has the id 00000003/));
  });
});

describe('findManagedIdentity', () => {
  const find = (clientId: string | undefined, found: readonly object[]) =>
    findManagedIdentity(graphOf(() => ({ value: found })).graph, clientId);

  it('returns the object id of the managed identity with the client id', async () => {
    const found = [
      { id: 'application', servicePrincipalType: 'Application' },
      { servicePrincipalType: 'ManagedIdentity' },
      { id: 'identity', servicePrincipalType: 'ManagedIdentity' },
    ];
    expect(await find('client', found)).toBe('identity');
  });

  it('throws when the client id is missing or unknown', async () => {
    await expect(find(undefined, [])).rejects.toMatchObject(wrong(/^MANAGED_IDENTITY_CLIENT_ID: is missing/));
    await expect(find('client', [])).rejects.toMatchObject(wrong(/no managed identity .* client id client\.$/));
  });
});
