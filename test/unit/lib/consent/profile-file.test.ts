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

describe('readProfile of an application manifest', () => {
  const [read1, read2] = ['e1fe6dd8-ba31-4d61-89e7-88639da4683d', 'a154be20-db9c-4678-8ab7-66f6cc099a59'];
  const publishing = {
    ...principal,
    oauth2PermissionScopes: [
      { id: read1, value: 'User.Read' },
      { id: read2, value: 'User.Read.All' },
    ],
    appRoles: [{ id: 'df021288-bdef-4463-88db-98f22de89214', value: 'Group.Read.All' }],
  };
  const manifest = (...resourceAccess: readonly object[]) => ({
    requiredResourceAccess: [{ resourceAppId: appId.toUpperCase(), resourceDisplayName: 'x', resourceAccess }],
    displayName: 'Their application',
  });
  const of = (file: object) => read(file, [publishing]);

  it('takes permissions by id, by id and value, or by value, each once, whatever else the file has', async () => {
    const expected = {
      name: 'p.json',
      resources: [
        {
          appId,
          name: 'Microsoft Graph',
          scopes: [
            { id: read1, value: 'User.Read', reason: 'Requested by p.json.' },
            { id: read2, value: 'User.Read.All', reason: 'Requested by p.json.' },
          ],
          roles: [{ value: 'Group.Read.All' }],
        },
      ],
    };
    const file = manifest(
      { id: read1.toUpperCase(), type: 'Scope' },
      { id: read2, type: 'Scope', value: 'User.Read.All' },
      { id: 'User.Read', type: 'Scope' },
      { id: 'Group.Read.All', type: 'Role' },
    );
    expect(await of(file)).toMatchObject(expected);
    expect(await of([...file.requiredResourceAccess, ...file.requiredResourceAccess])).toEqual(await of(file));
  });

  it.each([
    [
      { id: read1, type: 'Scope', value: 'User.Read.All' },
      `delegated permission "User.Read.All" with the id ${read1}; did you mean "User.Read.All" (${read2})?`,
    ],
    [
      { id: `${read1.slice(0, -3)}000`, type: 'Scope' },
      `delegated permission "${read1.slice(0, -3)}000"; did you mean "User.Read" (${read1})?`,
    ],
    [{ id: `${read1.slice(0, -4)}0000`, type: 'Scope' }, `delegated permission "${read1.slice(0, -4)}0000".`],
    [
      { id: 'df021288-bdef-4463-88db-98f22de89214', type: 'Scope' },
      'did you mean the application permission "Group.Read.All" (df021288-bdef-4463-88db-98f22de89214)?',
    ],
    [{ id: read1, type: 'Role' }, `did you mean the delegated permission "User.Read" (${read1})?`],
    [{ id: 'Group.Raed.All', type: 'Role' }, 'application permission "Group.Raed.All"; did you mean "Group.Read.All"'],
  ])('names the nearest permission for %j', async (entry, detail) => {
    const failure = await of(manifest(entry)).catch((thrown: unknown) => thrown as { detail: string });
    expect('detail' in failure && failure.detail).toContain(detail);
  });

  it('names all wrong permissions and resources at once', async () => {
    await expect(
      read([...manifest({ id: 'a', type: 'Scope' }, { id: 'b', type: 'Role' }).requiredResourceAccess]),
    ).rejects.toMatchObject(wrong(/"a"\. Microsoft Graph has no application permission "b"\.$/));
    await expect(read(manifest(), [])).rejects.toMatchObject(
      wrong(new RegExp(`create it with \`az ad sp create --id ${appId}\`, or leave`)),
    );
  });

  it.each<[object, RegExp]>([
    [[], /^p\.json: names no resource\.$/],
    [{ requiredResourceAccess: 1 }, /^p\.json: Invalid input/],
    [[{ resourceAppId: 'x', resourceAccess: [] }], /^p\.json: 0\.resourceAppId: is not a GUID\.$/],
    [manifest({ id: read1, type: 'scope' }), /^p\.json: 0\.resourceAccess\.0\.type: /],
    [manifest({ type: 'Scope' }), /^p\.json: 0\.resourceAccess\.0\.id: /],
  ])('rejects %j and names the wrong field', async (file, detail) => {
    await expect(of(file)).rejects.toMatchObject(wrong(detail));
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
