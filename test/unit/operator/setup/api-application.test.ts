import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { callerRoles } from '../../../../src/lib/core/caller.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import {
  type ApiApplication,
  apiIdentifier,
  changesOf,
  newApiApplication,
  signInClients,
} from '../../../../src/operator/setup/api-application.ts';

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
const created = newApiApplication('Broker', apiIdentifier(tenantId, 'broker')) as {
  readonly appRoles: readonly JsonObject[];
  readonly api: { readonly oauth2PermissionScopes: readonly JsonObject[] };
};
const scopeId = String(created.api.oauth2PermissionScopes[0]?.['id']);
const complete: ApiApplication = {
  objectId: 'object',
  clientId: 'client',
  signInAudience: 'AzureADMyOrg',
  tokenVersion: 2,
  roles: created.appRoles,
  scopes: created.api.oauth2PermissionScopes,
  clients: [...Object.values(signInClients), 'sign-in'].map((appId) => ({ appId, delegatedPermissionIds: [scopeId] })),
  optionalClaims: { accessToken: ['xms_act_fct', 'xms_sub_fct', 'xms_par_app_azp'].map((name) => ({ name })) },
};

describe('newApiApplication', () => {
  it('has an app role for every role of the API, for people and programs, with ids that never change', () => {
    expect(created.appRoles.map(({ value }) => value)).toEqual(callerRoles);
    expect(created).toMatchObject({
      signInAudience: 'AzureADMyOrg',
      identifierUris: ['api://99999999-9999-4999-8999-999999999999/broker'],
      api: { requestedAccessTokenVersion: 2 },
    });
    for (const role of created.appRoles) expect(role['allowedMemberTypes']).toEqual(['Application', 'User']);
    const ids = [...created.appRoles.map(({ id }) => id), scopeId];
    expect(new Set(ids).size).toBe(callerRoles.length + 1);
    expect(ids[0]).toBe('33071925-a411-8911-852b-6061bfc381ea');
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
  });
});

describe('changesOf', () => {
  it('finds nothing to change in a complete application', () => {
    expect(changesOf(complete, 'sign-in').differences).toEqual([]);
  });

  it('names each difference', () => {
    const bare = {
      ...complete,
      signInAudience: 'AzureADMultipleOrgs',
      tokenVersion: 1,
      scopes: [],
      clients: [],
      optionalClaims: {},
    };
    expect(changesOf({ ...bare, roles: complete.roles.slice(1) }, undefined).differences).toEqual([
      'only accounts of this tenant may sign in',
      'access tokens of version 2',
      'claims that identify agents',
      'scope access_as_user',
      'app role Tokens.Request',
      'sign-in with Azure CLI and azd',
      'sign-in with Azure PowerShell',
      'sign-in with the dashboard and ptb login',
    ]);
  });

  it('keeps roles, scopes and clients of others', () => {
    const others = {
      roles: [{ id: 'r', value: 'Other.Role' }],
      scopes: [{ id: 's', value: 'other' }],
      clients: [{ appId: 'dashboard', delegatedPermissionIds: ['s'] }],
    };
    const { body, bodyWithClients } = changesOf({ ...complete, ...others }, 'sign-in');
    expect(body['appRoles']).toEqual([...others.roles, ...created.appRoles]);
    expect(bodyWithClients['api']).toEqual({
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [...others.scopes, ...created.api.oauth2PermissionScopes],
      preAuthorizedApplications: [...others.clients, ...complete.clients],
    });
    expect(JSON.stringify(body)).not.toContain('dashboard');
  });

  it('asks for the claims that identify agents, and keeps the other optional claims', () => {
    const [first, ...rest] = complete.optionalClaims['accessToken'] as readonly JsonObject[];
    const theirs = { idToken: [{ name: 'email' }], accessToken: [{ name: 'ctry', essential: true }, first!] };
    const { body, differences } = changesOf({ ...complete, optionalClaims: theirs }, 'sign-in');
    expect(differences).toEqual(['claims that identify agents']);
    expect(body['optionalClaims']).toEqual({ ...theirs, accessToken: [...theirs.accessToken, ...rest] });
  });

  it('keeps the id of a role or scope that exists, because assignments refer to it', () => {
    const [first, ...rest] = created.appRoles;
    const disabled = { ...first, id: 'older', isEnabled: false };
    const changes = changesOf({ ...complete, roles: [disabled, ...rest] }, 'sign-in');
    expect(changes.differences).toEqual(['app role Tokens.Request']);
    expect(changes.roles[0]).toEqual({ ...first, id: 'older' });
    const olderScope = { ...created.api.oauth2PermissionScopes[0], id: 'older-scope' };
    const clients = changesOf({ ...complete, scopes: [olderScope], clients: [] }, 'sign-in').bodyWithClients;
    expect(JSON.stringify(clients)).toContain('"delegatedPermissionIds":["older-scope"]');
  });

  it('adds the scope to a client that has another one', () => {
    const [first] = complete.clients;
    const { bodyWithClients } = changesOf(
      { ...complete, clients: [{ ...first, delegatedPermissionIds: ['s'] }] },
      'sign-in',
    );
    expect(bodyWithClients).toMatchObject({
      api: { preAuthorizedApplications: [{ delegatedPermissionIds: ['s', scopeId] }, {}, {}] },
    });
  });
});
