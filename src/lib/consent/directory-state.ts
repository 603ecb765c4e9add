import type { StoredClientCredential } from '../core/secrets.ts';
import type { GraphClient } from '../microsoft/graph.ts';
import { type JsonObject, objectOf, objectsIn, textOf, textsIn } from '../core/objects.ts';
import type { KeyMark } from '../tokens/credential/client-keys.ts';
import type { ListedTrust } from '../tokens/credential/identity-trust.ts';
import { type ListedKeys, listedKeys, listedTrust } from '../tokens/credential/registered-keys.ts';
import { graphAppId, type PermissionProfile } from './permissions.ts';

/** The security group that Microsoft creates in every partner tenant. Its members have access to customer tenants. */
export const adminAgentsName = 'AdminAgents';

export interface RegisteredApplication {
  readonly objectId: string;
  readonly clientId: string;
  readonly displayName: string;
  readonly signInAudience: string;
  readonly tags: readonly string[];
  /** Of the web platform. */
  readonly redirectUris: readonly string[];
  /** Of the other platforms, by their property in Microsoft Graph. */
  readonly otherRedirectUris: Readonly<Record<'spa' | 'publicClient', readonly string[]>>;
  /** One {@link permissionKey} per permission. */
  readonly permissions: readonly string[];
  /** As Entra lists them, without the secret values. */
  readonly secrets: readonly JsonObject[];
  readonly keyCredentials: readonly JsonObject[];
  /** Whether nobody can add a key to its service principals, in any tenant ("Lock sensitive properties"). */
  readonly isLocked: boolean;
}

/** Whether the keys of an application's service principals are locked. @param found the application in Graph. */
export function isLocked(found: JsonObject): boolean {
  const lock = objectOf(found, 'servicePrincipalLockConfiguration');
  return (
    lock?.['isEnabled'] === true && (lock['allProperties'] === true || lock['credentialsWithUsageVerify'] === true)
  );
}

/** A consent on behalf of all users to scopes of one resource. */
interface ScopeGrant {
  readonly id: string;
  readonly resourceId: string;
  readonly scopes: readonly string[];
}

interface RoleGrant {
  readonly id: string;
  readonly resourceId: string;
  readonly roleId: string;
}

interface FederatedTrust extends ListedTrust {
  readonly id: string;
  readonly name: string;
}

/** State of the partner tenant and the vault before setup changes anything. */
export interface DirectoryState {
  readonly application: RegisteredApplication | undefined;
  /** Object id of the application's service principal. */
  readonly principalId: string | undefined;
  /** Whether only users who are assigned to the application may sign in to it. */
  readonly requiresAssignment: boolean;
  /** Object ids of those who are assigned. */
  readonly assignedIds: readonly string[];
  /** The keys of the service principal, with which Entra also authenticates the application. */
  readonly principalKeys?: ListedKeys;
  /** Application id of a resource → object id of its service principal in this tenant. */
  readonly resourceIds: ReadonlyMap<string, string>;
  readonly scopeGrants: readonly ScopeGrant[];
  readonly roleGrants: readonly RoleGrant[];
  readonly federatedTrusts: readonly FederatedTrust[];
  readonly adminAgentsId: string | undefined;
  readonly isAdminAgent: boolean;
  readonly isOwner: boolean;
  readonly stored: StoredClientCredential | undefined;
  /** The managed identity was proposed but not proven yet (see renew-client-credential.ts). */
  readonly isProposed: boolean;
  /** Identifies the client credentials of the application that this vault holds. */
  readonly mark: KeyMark;
}

/** The tag by which setup recognizes its application, whatever its display name is. */
export const applicationTag = (application: string): string => `partner-token-broker:${application}`;

/** A permission of `requiredResourceAccess` as a comparable string. */
export const permissionKey = (resourceAppId: string, type: string, id: string): string =>
  `${resourceAppId} ${type} ${id}`.toLowerCase();

/** The part of the state that comes from the vault. */
export type VaultState = Pick<DirectoryState, 'stored' | 'isProposed' | 'mark'>;

/**
 * Reads everything that a plan depends on. Changes nothing.
 * @param application from {@link findApplication}.
 * @throws BrokerError from Graph.
 */
export async function readDirectoryState(
  graph: GraphClient,
  application: RegisteredApplication | undefined,
  profile: PermissionProfile,
  vault: VaultState,
): Promise<DirectoryState> {
  const appIds = new Set([graphAppId, ...profile.resources.map(({ appId }) => appId)]);
  const [principal, resourceIds, adminAgents] = await Promise.all([
    application &&
      findPrincipal(
        graph,
        application.clientId,
        'id,appId,appRoleAssignmentRequired,passwordCredentials,keyCredentials',
      ),
    principalsOf(graph, [...appIds]),
    firstOf(graph, `/groups?$filter=displayName eq '${adminAgentsName}'&$select=id,displayName`),
  ]);
  const principalId = textOf(principal, 'id');
  const adminAgentsId = textOf(adminAgents, 'id');
  const [scopeGrants, roleGrants, assignedIds, isAdminAgent] =
    principalId === undefined
      ? [[], [], [], false]
      : await Promise.all([
          readScopeGrants(graph, principalId),
          readRoleGrants(graph, principalId),
          Array.fromAsync(
            graph.list(`/servicePrincipals/${principalId}/appRoleAssignedTo`),
            (each) => textOf(each, 'principalId') ?? '',
          ),
          // The list of group members omits service principals ("List group members").
          adminAgentsId !== undefined && isListed(graph, `/servicePrincipals/${principalId}/memberOf`, adminAgentsId),
        ]);
  const [federatedTrusts, isOwner] =
    application === undefined
      ? [[], false]
      : await Promise.all([
          readFederatedTrusts(graph, application.objectId),
          principalId !== undefined && isListed(graph, `/applications/${application.objectId}/owners`, principalId),
        ]);
  return {
    application,
    principalId,
    requiresAssignment: principal?.['appRoleAssignmentRequired'] === true,
    assignedIds,
    ...(principal === undefined ? {} : { principalKeys: listedKeys(principal) }),
    resourceIds,
    scopeGrants,
    roleGrants,
    federatedTrusts,
    adminAgentsId,
    isAdminAgent,
    isOwner,
    ...vault,
  };
}

const applicationFields =
  '$select=id,appId,displayName,signInAudience,tags,web,spa,publicClient,requiredResourceAccess,passwordCredentials,keyCredentials,servicePrincipalLockConfiguration';

/** Finds the application that the vault names, or else the one with this display name and the tag of setup. */
export async function findApplication(
  graph: GraphClient,
  wanted: { readonly application: string; readonly displayName: string },
  clientId: string | undefined,
): Promise<RegisteredApplication | undefined> {
  const known = clientId === undefined ? undefined : await readApplicationOf(graph, clientId);
  if (known !== undefined) return known;
  const name = encodeURIComponent(wanted.displayName.replaceAll("'", "''"));
  const sameName = graph.list(`/applications?$filter=displayName eq '${name}'&${applicationFields}`);
  // Display names are not unique in Entra. The application that callers request tokens for may have the same one.
  for await (const candidate of sameName)
    if (textsIn(candidate['tags']).includes(applicationTag(wanted.application))) return readApplication(candidate);
  return undefined;
}

/** Reads an application by client id. */
export async function readApplicationOf(
  graph: GraphClient,
  clientId: string,
): Promise<RegisteredApplication | undefined> {
  const known = await firstOf(graph, `/applications?$filter=appId eq '${clientId}'&${applicationFields}`);
  return known && readApplication(known);
}

function readApplication(found: JsonObject): RegisteredApplication {
  const redirectUris = (platform: string) => textsIn(objectOf(found, platform)?.['redirectUris']);
  return {
    objectId: textOf(found, 'id') ?? '',
    clientId: textOf(found, 'appId') ?? '',
    displayName: textOf(found, 'displayName') ?? '',
    signInAudience: textOf(found, 'signInAudience') ?? '',
    tags: textsIn(found['tags']),
    redirectUris: redirectUris('web'),
    otherRedirectUris: { spa: redirectUris('spa'), publicClient: redirectUris('publicClient') },
    permissions: objectsIn(found['requiredResourceAccess']).flatMap((resource) =>
      objectsIn(resource['resourceAccess']).map((access) =>
        permissionKey(
          textOf(resource, 'resourceAppId') ?? '',
          textOf(access, 'type') ?? '',
          textOf(access, 'id') ?? '',
        ),
      ),
    ),
    secrets: objectsIn(found['passwordCredentials']),
    keyCredentials: objectsIn(found['keyCredentials']),
    isLocked: isLocked(found),
  };
}

const findPrincipal = (graph: GraphClient, appId: string, fields: string): Promise<JsonObject | undefined> =>
  firstOf(graph, `/servicePrincipals?$filter=appId eq '${appId}'&$select=${fields}`);

async function principalsOf(graph: GraphClient, appIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const appId of appIds) {
    const id = textOf(await findPrincipal(graph, appId, 'id,appId'), 'id');
    if (id !== undefined) found.set(appId, id);
  }
  return found;
}

/** Reads the consents on behalf of all users that a service principal has. */
export async function readScopeGrants(graph: GraphClient, principalId: string): Promise<ScopeGrant[]> {
  const grants: ScopeGrant[] = [];
  for await (const grant of graph.list(`/oauth2PermissionGrants?$filter=clientId eq '${principalId}'`)) {
    if (textOf(grant, 'consentType') !== 'AllPrincipals') continue;
    const scopes = (textOf(grant, 'scope') ?? '').split(' ').filter((scope) => scope !== '');
    grants.push({ id: textOf(grant, 'id') ?? '', resourceId: textOf(grant, 'resourceId') ?? '', scopes });
  }
  return grants;
}

const readRoleGrants = (graph: GraphClient, principalId: string): Promise<RoleGrant[]> =>
  Array.fromAsync(graph.list(`/servicePrincipals/${principalId}/appRoleAssignments`), (grant) => ({
    id: textOf(grant, 'id') ?? '',
    resourceId: textOf(grant, 'resourceId') ?? '',
    roleId: textOf(grant, 'appRoleId') ?? '',
  }));

const readFederatedTrusts = (graph: GraphClient, objectId: string): Promise<FederatedTrust[]> =>
  Array.fromAsync(graph.list(`/applications/${objectId}/federatedIdentityCredentials`), (trust) => ({
    id: textOf(trust, 'id') ?? '',
    name: textOf(trust, 'name') ?? '',
    ...listedTrust(trust),
  }));

async function isListed(graph: GraphClient, path: string, id: string): Promise<boolean> {
  for await (const item of graph.list(`${path}?$select=id`)) if (textOf(item, 'id') === id) return true;
  return false;
}

/** The first object of a list, or undefined if it is empty. */
export async function firstOf(graph: GraphClient, path: string): Promise<JsonObject | undefined> {
  for await (const item of graph.list(path)) return item;
  return undefined;
}
