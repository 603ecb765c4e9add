import { dayMs } from './durations.ts';
import type { TenantId } from './identifiers.ts';
import type { Secret } from './secret.ts';

/** How an application proves itself to Entra. */
export type ClientCredential =
  | { readonly kind: 'secret'; readonly secret: Secret }
  | {
      readonly kind: 'certificate';
      readonly privateKey: Secret;
      readonly certificate: string;
      readonly thumbprintSha256: string;
    }
  /** The managed identity's token is the assertion: nothing to store, nothing to steal. */
  | { readonly kind: 'federated' };

export interface StoredClientCredential {
  readonly clientId: string;
  readonly tenantId: TenantId;
  readonly credential: ClientCredential;
  /** When the secret or certificate ends; absent for a federated credential. */
  readonly endsAtMs?: number;
  /** Entra's id of the secret or key, needed to remove it. */
  readonly keyId?: string;
  /** Key Vault's version. */
  readonly version: string;
}

export interface StoredRefreshToken {
  readonly secret: Secret;
  readonly version: string;
  /** When it was issued: by consent or by rotation. */
  readonly obtainedAtMs: number;
  /** When it ends if it is never used: 90 days ("Refresh tokens in the Microsoft identity platform"). */
  readonly expiresAtMs: number;
  /** User principal name and object id of the account that consented. */
  readonly account: string;
  readonly accountObjectId: string;
  /** Whether the sign-in carried MFA, which Partner Center requires. */
  readonly mfa: boolean;
}

/** One of the broker's applications with everything needed to redeem. */
export interface Credential {
  readonly application: string;
  readonly client: StoredClientCredential;
  /** Absent until the first consent; an application that only uses its own permissions never has one. */
  readonly refreshToken: StoredRefreshToken | undefined;
}

/** Refresh tokens of confidential clients live 90 days unless used; not configurable. */
export const refreshTokenLifeMs = 90 * dayMs;

/**
 * The name of client secrets and certificates of ours at Entra begins so; others are never touched. What follows tells
 * which vault keeps it, see client-keys.ts.
 */
export const clientCredentialName = 'partner-token-broker';

export const defaultApplication = 'default';

/** An application's name becomes part of a Key Vault secret's name: letters, digits and hyphens. */
export const applicationNamePattern = /^[a-z][a-z0-9-]{0,31}$/;
