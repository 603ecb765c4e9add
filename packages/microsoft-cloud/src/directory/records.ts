/** Records of a tenant's directory. `id` is an object id. */

export interface Credential {
  readonly keyId: string;
  readonly displayName: string | null;
  readonly startMs: number;
  readonly endMs: number;
}

export interface PasswordCredential extends Credential {
  /** The first three characters, which Graph shows. */
  readonly hint: string;
  /** SHA-256 of the secret, hexadecimal. The secret itself is not kept. */
  readonly hash: string;
}

export interface KeyCredential extends Credential {
  readonly type: string;
  readonly usage: string;
  /** DER of the certificate, base64. */
  readonly key: string;
  /** SHA-1 of the DER, upper-case hexadecimal: the thumbprint in Entra. */
  readonly thumbprint: string;
}

export interface FederatedCredential {
  readonly id: string;
  name: string;
  issuer: string;
  subject: string;
  description: string | null;
  audiences: readonly string[];
}

export interface AppRole {
  readonly id: string;
  readonly value: string;
  readonly displayName: string;
  readonly description: string;
  readonly allowedMemberTypes: readonly string[];
  readonly isEnabled: boolean;
}

export interface PermissionScope {
  readonly id: string;
  readonly value: string;
  readonly adminConsentDisplayName: string;
  readonly adminConsentDescription: string;
  readonly type: string;
  readonly isEnabled: boolean;
}

/** A client that gets some scopes of an application without consent. */
export interface PreAuthorizedClient {
  readonly appId: string;
  readonly delegatedPermissionIds: readonly string[];
}

export interface ResourceAccess {
  readonly resourceAppId: string;
  readonly resourceAccess: readonly { readonly id: string; readonly type: string }[];
}

export type RedirectKind = 'web' | 'publicClient' | 'spa';

/** The claims that an application asks for in each kind of token, with all of their properties. */
export type OptionalClaims = Readonly<
  Record<'accessToken' | 'idToken' | 'saml2Token', readonly { readonly name: string }[]>
>;

export interface Application {
  readonly id: string;
  readonly appId: string;
  readonly tenantId: string;
  readonly createdMs: number;
  displayName: string;
  description: string | null;
  notes: string | null;
  tags: readonly string[];
  signInAudience: string;
  identifierUris: readonly string[];
  requiredResourceAccess: readonly ResourceAccess[];
  redirectUris: Readonly<Record<RedirectKind, readonly string[]>>;
  isFallbackPublicClient: boolean | null;
  /** Version of the tokens for this application. null means 1. */
  requestedAccessTokenVersion: number | null;
  appRoles: readonly AppRole[];
  scopes: readonly PermissionScope[];
  preAuthorized: readonly PreAuthorizedClient[];
  /** Which claims its tokens carry beside the usual ones, as Graph has them. */
  optionalClaims: OptionalClaims | null;
  /** Which properties of its service principals nobody may change, as Graph has them. */
  lock: Readonly<Record<string, unknown>> | null;
  passwords: readonly PasswordCredential[];
  keys: readonly KeyCredential[];
  readonly federated: Map<string, FederatedCredential>;
  /** Object ids of users and service principals. A principal needs to be an owner to use an `OwnedBy` permission. */
  readonly owners: Set<string>;
}

export interface ServicePrincipal {
  readonly id: string;
  readonly appId: string;
  readonly createdMs: number;
  readonly ownerTenantId: string;
  /** `ServiceIdentity`: the identity of an agent. */
  readonly type: 'Application' | 'ManagedIdentity' | 'ServiceIdentity';
  /** Application id of the blueprint that an agent's identity was made from. */
  readonly blueprintAppId?: string;
  /** Tokens of the agent lack the optional claims, as of a resource that has not asked for them. */
  readonly withoutOptionalClaims?: boolean;
  displayName: string;
  accountEnabled: boolean;
  appRoleAssignmentRequired: boolean;
  tags: readonly string[];
}

export interface User {
  readonly id: string;
  readonly userPrincipalName: string;
  readonly displayName: string;
  readonly givenName: string;
  readonly surname: string;
  readonly userType: 'Member' | 'Guest';
  readonly createdMs: number;
  readonly licences: readonly string[];
  /** Registered MFA methods. */
  readonly methods: readonly string[];
  readonly isAdmin: boolean;
  /** Undefined for a user who never signed in. */
  readonly lastSignInMs?: number | undefined;
  accountEnabled: boolean;
  /** Refresh tokens of earlier sign-ins are revoked. */
  validFromMs: number;
}

export interface Group {
  readonly id: string;
  readonly displayName: string;
  readonly description: string;
  readonly members: Set<string>;
}

export interface PermissionGrant {
  readonly id: string;
  /** Service principal of the client. */
  readonly clientId: string;
  readonly consentType: string;
  readonly principalId: string | null;
  /** Service principal of the resource. */
  readonly resourceId: string;
  readonly createdMs: number;
  /** Scope values, separated by spaces. */
  scope: string;
}

export interface RoleAssignment {
  readonly id: string;
  readonly principalId: string;
  readonly resourceId: string;
  readonly appRoleId: string;
  readonly createdMs: number;
}
