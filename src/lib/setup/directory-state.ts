import type { KeyMark } from '../credential/client-keys.ts';
import type { StoredClientCredential } from '../model/credential.ts';
import type { JsonObject } from '../graph/reply.ts';

/** The partner's security group whose members are trusted in customer tenants; made by Microsoft for every partner. */
export const adminAgentsName = 'AdminAgents';

export interface RegisteredApplication {
  readonly objectId: string;
  readonly clientId: string;
  readonly displayName: string;
  readonly signInAudience: string;
  readonly tags: readonly string[];
  readonly redirectUris: readonly string[];
  /** `appId type id`, one text per permission. */
  readonly permissions: readonly string[];
  /** As Entra lists them: everything but the secrets. */
  readonly secrets: readonly JsonObject[];
  readonly keyCredentials: readonly JsonObject[];
}

/** One consent of all users' behalf: which scopes of which resource. */
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
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** What there is in the partner tenant and in Key Vault before setup does anything. */
export interface DirectoryState {
  readonly application: RegisteredApplication | undefined;
  /** Object id of the application's service principal. */
  readonly principalId: string | undefined;
  /** Application id of a resource → object id of its service principal in this tenant. */
  readonly resourceIds: ReadonlyMap<string, string>;
  readonly scopeGrants: readonly ScopeGrant[];
  readonly roleGrants: readonly RoleGrant[];
  readonly federatedTrusts: readonly FederatedTrust[];
  readonly adminAgentsId: string | undefined;
  readonly isAdminAgent: boolean;
  readonly isOwner: boolean;
  readonly stored: StoredClientCredential | undefined;
  /** The managed identity waits for its proof, see proposed-credential.ts. */
  readonly isProposed: boolean;
  /** How to tell which of the application's client credentials this vault keeps. */
  readonly mark: KeyMark;
}

/** The mark by which setup knows its own application again, whatever an administrator calls it. */
export const applicationTag = (application: string): string => `partner-token-broker:${application}`;

/** One permission of `requiredResourceAccess` as a text that can be compared. */
export const permissionKey = (resourceAppId: string, type: string, id: string): string =>
  `${resourceAppId} ${type} ${id}`.toLowerCase();
