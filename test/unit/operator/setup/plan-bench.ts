import { Secret, type StoredClientCredential } from '../../../../src/lib/core/secrets.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import {
  applicationTag,
  type DirectoryState,
  permissionKey,
  type RegisteredApplication,
} from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';
import { planSteps, type SetupOptions } from '../../../../src/operator/setup/plan.ts';

export const nowMs = Date.UTC(2026, 10, 24);
export const day = 86_400_000;
export const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
export const options: SetupOptions = {
  partnerTenantId,
  application: 'default',
  displayName: 'Broker',
  profile: profiles.gdap,
  credential: 'secret',
  entraEndpoint: 'https://login.test',
  federationAudience: 'api://audience',
  managedIdentityObjectId: 'identity',
};

export const application: RegisteredApplication = {
  objectId: 'object',
  clientId: 'client',
  displayName: 'Broker',
  signInAudience: 'AzureADMultipleOrgs',
  tags: [applicationTag('default')],
  redirectUris: ['http://localhost'],
  otherRedirectUris: { spa: [], publicClient: [] },
  permissions: requiredResourceAccess(profiles.gdap).flatMap(({ resourceAppId, resourceAccess }) =>
    resourceAccess.map(({ type, id }) => permissionKey(resourceAppId, type, id)),
  ),
  secrets: [{ keyId: 'key', displayName: 'partner-token-broker:ours' }],
  keyCredentials: [{ keyId: 'certificate' }],
};
export const stored: StoredClientCredential = {
  clientId: 'client',
  tenantId: partnerTenantId,
  credential: { kind: 'secret', secret: new Secret('secret') },
  endsAtMs: nowMs + 100 * day,
  keyId: 'key',
  version: 'v1',
};
export const idOf = (appId: string): string => `principal of ${appId}`;

/** A tenant in which setup has done everything for the profile gdap. */
export const done: DirectoryState = {
  application,
  principalId: 'principal',
  resourceIds: new Map(profiles.gdap.resources.map(({ appId }) => [appId, idOf(appId)])),
  scopeGrants: profiles.gdap.resources.map(({ appId, scopes }) => ({
    id: `grant of ${appId}`,
    resourceId: idOf(appId),
    scopes: [
      ...scopes.map(({ value }) => value),
      ...(appId === graphAppId ? ['openid', 'profile', 'offline_access'] : []),
    ],
  })),
  roleGrants: profiles.gdap.resources.flatMap(({ appId, roles }) =>
    roles.map(({ id }) => ({ id: `grant of ${id}`, resourceId: idOf(appId), roleId: id })),
  ),
  federatedTrusts: [],
  adminAgentsId: 'agents',
  isAdminAgent: true,
  isOwner: true,
  stored,
  isProposed: false,
  mark: { name: 'partner-token-broker:ours', storedKeyIds: new Set(['key']), versions: [], values: new Map() },
};

export const plan = (state: Partial<DirectoryState>, more: Partial<SetupOptions> = {}) =>
  planSteps({ ...options, ...more }, { ...done, ...state }, nowMs);
export const kinds = (...asked: Parameters<typeof plan>): string[] => plan(...asked).map(({ kind }) => kind);
export const changed = (more: Partial<RegisteredApplication>) => plan({ application: { ...application, ...more } });
