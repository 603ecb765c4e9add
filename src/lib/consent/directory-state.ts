import type { KeyMark } from '../tokens/credential/client-keys.ts';
import type { ListedKeys } from '../tokens/credential/registered-keys.ts';
import type { StoredClientCredential } from '../core/secrets.ts';
import type { JsonObject } from '../microsoft/reply.ts';

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
}

/** A consent on behalf of all users to scopes of one resource. */
export interface ScopeGrant {
  readonly id: string;
  readonly resourceId: string;
  readonly scopes: readonly string[];
}

export interface RoleGrant {
  readonly id: string;
  readonly resourceId: string;
  readonly roleId: string;
}

export interface FederatedTrust {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** State of the partner tenant and the vault before setup changes anything. */
export interface DirectoryState {
  readonly application: RegisteredApplication | undefined;
  /** Object id of the application's service principal. */
  readonly principalId: string | undefined;
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
  /** The managed identity was proposed but not proven yet (see proposed-credential.ts). */
  readonly isProposed: boolean;
  /** Identifies the client credentials of the application that this vault holds. */
  readonly mark: KeyMark;
}

/** The tag by which setup recognizes its application, whatever its display name is. */
export const applicationTag = (application: string): string => `partner-token-broker:${application}`;

/** A permission of `requiredResourceAccess` as a comparable string. */
export const permissionKey = (resourceAppId: string, type: string, id: string): string =>
  `${resourceAppId} ${type} ${id}`.toLowerCase();
