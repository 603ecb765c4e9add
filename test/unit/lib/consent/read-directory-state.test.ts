import { describe, expect, it } from 'vitest';
import { Secret, type StoredClientCredential } from '../../../../src/lib/core/secrets.ts';
import { createGraphClient } from '../../../../src/lib/microsoft/graph.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import {
  applicationTag,
  findApplication,
  isLocked,
  readDirectoryState,
} from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId, profiles } from '../../../../src/lib/consent/permissions.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const wanted = { application: 'default', displayName: "Broker's own" };
const stored = { clientId: 'client-of-the-vault' } as StoredClientCredential;

/** Reads the state from a directory that answers by a part of the path or query. */
function read(answers: readonly (readonly [string, object[]])[], credential?: StoredClientCredential) {
  const answer = ({ url }: SeenRequest): Scripted => {
    const asked = decodeURIComponent(`${url.pathname}${url.search}`);
    return { value: answers.find(([part]) => asked.includes(part))?.[1] ?? [] };
  };
  const { fetch, seen } = scriptedFetch(answer);
  const deps = { fetch, clock: new FakeClock(), random: () => 0, limiter: new Limiter(4) };
  const binding = { baseUrl: 'https://graph.test', token: async () => new Secret('t'), correlationId: 'id' };
  const vault = {
    stored: credential,
    isProposed: false,
    mark: { name: 'ours', storedKeyIds: new Set<string>(), versions: [], values: new Map() },
  };
  const graph = createGraphClient(deps, binding);
  const state = findApplication(graph, wanted, credential?.clientId).then((application) =>
    readDirectoryState(graph, application, profiles.gdap, vault),
  );
  return { state, seen };
}

const tagged = { tags: [applicationTag('default'), 3] };

describe('readDirectoryState', () => {
  it('returns an empty state for a tenant without the application', async () => {
    expect(await read([]).state).toMatchObject({
      application: undefined,
      principalId: undefined,
      scopeGrants: [],
      roleGrants: [],
      federatedTrusts: [],
      adminAgentsId: undefined,
      isAdminAgent: false,
      isOwner: false,
    });
  });

  it('finds an application by display name only if it has the tag', async () => {
    const others = [
      { id: 'other', tags: 'odd' },
      { id: 'mine', appId: 'client', ...tagged },
    ];
    const { state, seen } = read([["displayName eq 'Broker''s own'", others]]);
    expect((await state).application).toMatchObject({ objectId: 'mine', clientId: 'client' });
    expect(seen.some(({ url }) => url.search.includes('client-of-the-vault'))).toBe(false);
  });

  it('finds the application that the vault names, or else the one with the display name', async () => {
    const found = read([["appId eq 'client-of-the-vault'", [{ id: 'known', appId: 'client-of-the-vault' }]]], stored);
    expect((await found.state).application).toMatchObject({ objectId: 'known' });
    const gone = read([["displayName eq 'Broker", [{ id: 'mine', ...tagged }]]], stored);
    expect((await gone.state).application).toMatchObject({ objectId: 'mine' });
  });

  it('reads grants, roles, trusts, membership and ownership of the application', async () => {
    const { state } = read([
      ["displayName eq 'Broker", [{ id: 'mine', appId: 'client', ...tagged }]],
      ["appId eq 'client'", [{ id: 'principal' }]],
      [
        '/oauth2PermissionGrants',
        [
          { id: 'user-grant', consentType: 'Principal', scope: 'x' },
          { id: 'grant', consentType: 'AllPrincipals', resourceId: 'graph', scope: ' User.Read  Mail.Read ' },
        ],
      ],
      ['/appRoleAssignments', [{ id: 'role', resourceId: 'graph', appRoleId: 'role-id' }]],
      ['/federatedIdentityCredentials', [{ id: 'trust', issuer: 'https://issuer', subject: 's', audiences: ['a', 1] }]],
      ["displayName eq 'AdminAgents'", [{ id: 'agents' }]],
      ['/memberOf', [{ id: 'another group' }, { id: 'agents' }]],
      ['/transitiveMemberOf', [{ id: 'another group' }, { id: 'agents' }]],
      ['/owners', [{ id: 'somebody' }, { id: 'principal' }]],
    ]);
    const found = await state;
    expect(found).toMatchObject({
      principalId: 'principal',
      scopeGrants: [{ id: 'grant', resourceId: 'graph', scopes: ['User.Read', 'Mail.Read'] }],
      roleGrants: [{ id: 'role', resourceId: 'graph', roleId: 'role-id' }],
      federatedTrusts: [{ id: 'trust', issuer: 'https://issuer', subject: 's' }],
      adminAgentsId: 'agents',
      isAdminAgent: true,
      isOwner: true,
    });
  });

  it('reads the registered application, who is assigned to it, and the resources that are there', async () => {
    const { state } = read([
      [
        "displayName eq 'Broker",
        [
          {
            id: 'mine',
            appId: 'client',
            displayName: "Broker's own",
            signInAudience: 'AzureADMultipleOrgs',
            ...tagged,
            web: { redirectUris: ['https://web'] },
            spa: { redirectUris: ['https://spa'] },
            publicClient: { redirectUris: ['http://localhost'] },
            requiredResourceAccess: [
              {
                resourceAppId: 'GRAPH',
                resourceAccess: [{ id: 'A', type: 'Scope' }, 'odd', { id: 'b', type: 'Role' }],
              },
            ],
            passwordCredentials: [{ keyId: 'secret' }],
            keyCredentials: [{ keyId: 'key' }],
            servicePrincipalLockConfiguration: { isEnabled: true, allProperties: true },
          },
        ],
      ],
      ["appId eq 'client'", [{ id: 'principal', appRoleAssignmentRequired: true }]],
      [`appId eq '${graphAppId}'`, [{ id: 'graph' }]],
      ['/appRoleAssignedTo', [{ principalId: 'ann' }, {}]],
    ]);
    const found = await state;
    expect(found.application).toEqual({
      objectId: 'mine',
      clientId: 'client',
      displayName: "Broker's own",
      signInAudience: 'AzureADMultipleOrgs',
      tags: [applicationTag('default')],
      redirectUris: ['https://web'],
      otherRedirectUris: { spa: ['https://spa'], publicClient: ['http://localhost'] },
      permissions: ['graph scope a', 'graph role b'],
      secrets: [{ keyId: 'secret' }],
      keyCredentials: [{ keyId: 'key' }],
      isLocked: true,
    });
    expect(found).toMatchObject({ requiresAssignment: true, assignedIds: ['ann', ''] });
    expect([...found.resourceIds]).toEqual([[graphAppId, 'graph']]);
  });

  it('returns empty values where Graph omits properties', async () => {
    const { state } = read([
      [
        "displayName eq 'Broker",
        [{ ...tagged, web: 'odd', passwordCredentials: [{}], requiredResourceAccess: [{ resourceAccess: [{}] }] }],
      ],
      ["appId eq ''", [{ id: 'principal' }]],
      ['/oauth2PermissionGrants', [{ consentType: 'AllPrincipals' }]],
      ['/appRoleAssignments', [{}]],
      ['/federatedIdentityCredentials', [{}]],
      ['/owners', [{}]],
    ]);
    const found = await state;
    expect(found.application).toMatchObject({
      objectId: '',
      clientId: '',
      displayName: '',
      signInAudience: '',
      redirectUris: [],
    });
    expect(found).toMatchObject({
      scopeGrants: [{ id: '', resourceId: '', scopes: [] }],
      roleGrants: [{ id: '', resourceId: '', roleId: '' }],
      federatedTrusts: [{ id: '', issuer: '', subject: '' }],
      isAdminAgent: false,
      isOwner: false,
    });
  });
});

it.each<[object | undefined, boolean]>([
  [{ isEnabled: true, allProperties: true }, true],
  [{ isEnabled: true, credentialsWithUsageVerify: true }, true],
  [{ isEnabled: true, credentialsWithUsageSign: true }, false],
  [{ isEnabled: true }, false],
  [{ isEnabled: false, allProperties: true }, false],
  [{ allProperties: true }, false],
  [undefined, false],
])('the keys of the service principals with the lock %j are locked: %s', (lock, locked) => {
  expect(isLocked(lock === undefined ? {} : { servicePrincipalLockConfiguration: { ...lock } })).toBe(locked);
});
