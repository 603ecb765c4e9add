import { dayMs } from './durations.ts';
import type { TenantId } from './identifiers.ts';
import type { Secret } from './secret.ts';

/** The credential with which an application authenticates to Entra. */
export type ClientCredential =
  | { readonly kind: 'secret'; readonly secret: Secret }
  | {
      readonly kind: 'certificate';
      readonly privateKey: Secret;
      readonly certificate: string;
      readonly thumbprintSha256: string;
    }
  /** The token of the managed identity is the assertion, so that no secret is stored. */
  | { readonly kind: 'federated' };

export interface StoredClientCredential {
  readonly clientId: string;
  readonly tenantId: TenantId;
  readonly credential: ClientCredential;
  /** When the secret or certificate expires. Absent for a federated credential. */
  readonly endsAtMs?: number;
  /** Entra's id of the secret or key, which is needed to remove it. */
  readonly keyId?: string;
  /** The version in Key Vault. */
  readonly version: string;
}

export interface StoredRefreshToken {
  readonly secret: Secret;
  readonly version: string;
  /** When it was issued, by consent or by rotation. */
  readonly obtainedAtMs: number;
  /** When it expires if it is not used: after 90 days ("Refresh tokens in the Microsoft identity platform"). */
  readonly expiresAtMs: number;
  /** When the account signed in. A rotation keeps it. Absent for a token that was stored by hand or by an old version. */
  readonly consentedAtMs?: number;
  /** The application that the token was issued to. Absent for a token that was stored by hand. */
  readonly clientId?: string;
  /** User principal name and object id of the account that consented. */
  readonly account: string;
  readonly accountObjectId: string;
  /** Whether the sign-in carried MFA, which Partner Center requires. */
  readonly mfa: boolean;
}

/** One of the broker's applications with everything that a redemption needs. */
export interface Credential {
  readonly application: string;
  readonly client: StoredClientCredential;
  /** Undefined until the first consent, and always for an application that uses only application permissions. */
  readonly refreshToken: StoredRefreshToken | undefined;
  /** Enabled versions that are newer than those in force and are not used. Absent if there are none. */
  readonly skipped?: readonly SkippedVersion[];
}

/** An enabled version that is not used, because it cannot be read or was not stored by the broker. */
export interface SkippedVersion {
  readonly part: 'client credential' | 'refresh token';
  readonly version: string;
  /** A sentence for the operator that states the reason. */
  readonly reason: string;
}

/** The lifetime of an unused refresh token of a confidential client. Entra does not let tenants configure it. */
export const refreshTokenLifeMs = 90 * dayMs;

/**
 * The prefix of the names of the broker's client secrets and certificates in Entra. Others are never changed. The rest of
 * the name identifies the vault, see client-keys.ts.
 */
export const clientCredentialName = 'partner-token-broker';

export const defaultApplication = 'default';

/** An application's name is part of a Key Vault secret's name, so it has only letters, digits and hyphens. */
export const applicationNamePattern = /^[a-z][a-z0-9-]{0,31}$/;
