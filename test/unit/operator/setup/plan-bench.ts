import { Secret, type StoredClientCredential } from '../../../../src/lib/core/secrets.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import {
  applicationTag,
  type DirectoryState,
  permissionKey,
  type RegisteredApplication,
} from '../../../../src/lib/consent/directory-state.ts';
import { graphAppId, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';
import { type ApplyDeps, type SetupOptions, StepRunner } from '../../../../src/operator/setup/apply.ts';
import { planSteps } from '../../../../src/operator/setup/plan.ts';

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
  serviceAccount: { objectId: 'service-account', name: 'broker@partner.example' },
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
  isLocked: true,
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
  requiresAssignment: true,
  assignedIds: ['service-account'],
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
export const texts = (...asked: Parameters<typeof plan>): string[] => plan(...asked).map(({ text }) => text);
export const changed = (more: Partial<RegisteredApplication>) => texts({ application: { ...application, ...more } });

/** What the steps of a plan send to Microsoft Graph: method and path, and for a body the part that names the change. */
export async function requestsOf(steps: ReturnType<typeof plan>, state: Partial<DirectoryState> = {}) {
  const sent: unknown[] = [];
  const writer: ApplyDeps['writer'] = {
    post: async (path, { scope, appRoleId, audiences }) => {
      sent.push(['POST', path, scope ?? appRoleId ?? audiences]);
      return {};
    },
    patch: async (path, { scope, appRoleAssignmentRequired }) =>
      void sent.push(['PATCH', path, scope ?? appRoleAssignmentRequired]),
    remove: async (path) => void sent.push(['DELETE', path]),
  };
  const run = new StepRunner({ writer, newId: () => 'id' } as ApplyDeps, options, { ...done, ...state });
  for (const { apply } of steps) await apply(run);
  return sent;
}
