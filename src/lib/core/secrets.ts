import { hash } from 'node:crypto';
import { inspect } from 'node:util';
import { dayMs } from './clock.ts';
import type { TenantId } from './identifiers.ts';

const redacted = '[secret]';

/**
 * A confidential value: refresh token, client secret or access token. Every conversion to text returns `[secret]`. Only
 * {@link Secret.reveal} returns the value, so that a search for `reveal(` finds every place that uses one.
 */
export class Secret {
  readonly #value: string;
  #fingerprint: string | undefined;

  /** @throws TypeError for an empty value, because an empty credential is always a mistake. */
  constructor(value: string) {
    if (value === '') throw new TypeError('a secret cannot be empty');
    this.#value = value;
  }

  /** The value. Only code that sends or stores it calls this. */
  reveal(): string {
    return this.#value;
  }

  /** SHA-256 in hexadecimal, which identifies a secret without revealing it. */
  fingerprint(): string {
    // Computed once, because a cached token has many audit records.
    return (this.#fingerprint ??= hash('sha256', this.#value, 'hex'));
  }

  equals(other: Secret): boolean {
    return this.#value === other.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.toPrimitive](): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** `delegated`: for the service account (refresh token). `application`: for the application itself (client credentials). */
export const grants = ['delegated', 'application'] as const;
export type Grant = (typeof grants)[number];

/** The target of a token: its alias in the broker and its identifier in Entra (`https://graph.microsoft.com`). */
export interface Resource {
  readonly alias: string;
  readonly identifier: string;
  /** Set if Microsoft has retired the resource: when it was deprecated (RFC 9745) and when it ended (RFC 8594). */
  readonly retired?: { readonly deprecatedAtMs: number; readonly sunsetAtMs: number };
}

/** A request to the broker. Tenant, resource, grant and application are the cache key. */
export interface TokenRequest {
  readonly tenantId: TenantId;
  readonly resource: Resource;
  readonly grant: Grant;
  /** The broker's application that redeems; `default` unless a rule names another one. */
  readonly application: string;
  /** The partner's own token, for a request about `tenantId`. A tenant that is excluded or out of reach gets none. */
  readonly ofPartner?: true;
  /** Minimum remaining lifetime of the token when it is returned, seconds. */
  readonly minimumLifetimeSeconds: number;
  readonly correlationId: string;
  /** The caller that the request is made for. Requests of one caller to Entra do not delay those of another. */
  readonly callerId?: string;
  /** The purpose of a request without a caller, `job:NAME`, for the audit record. */
  readonly purpose?: string;
  /** The run that the request is made for. Requests of one run to Entra do not delay those of another. */
  readonly runId?: string;
}

/** An access token with its properties. Its value is opaque. Its claims are read only to check the token. */
export interface AccessToken {
  readonly secret: Secret;
  readonly tenantId: TenantId;
  readonly resource: Resource;
  readonly grant: Grant;
  readonly application: string;
  /** The delegated scopes (`scp`) and application roles (`roles`) that Entra reported. */
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
  /** Whether the token came from the cache, without an upstream request. */
  readonly fromCache: boolean;
}

/** The source of tokens for callers, jobs and the tenant directory. */
export interface TokenSource {
  /** @throws BrokerError with a code of scope tenant, credential or platform. */
  getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken>;
  /** Discards the cached tokens of a tenant. Call it after a consent, because older tokens lack the new permissions. */
  forgetTenant(tenantId: TenantId): void;
}

/** A source that caches tokens, and so may return one that is older than a change of consent. */
export interface CachingTokenSource extends TokenSource {
  /**
   * Requests a new token from Entra, for a caller whose cached token lacks permissions that may have been consented to
   * since. At most one request per cache key in three minutes, which is how long a consent takes to propagate.
   * @returns undefined if the last request is too recent or Entra issues no token. The cached token is still valid.
   */
  getNewerToken(request: TokenRequest): Promise<AccessToken | undefined>;
}

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

/** An application's name is part of a Key Vault secret's name, so it has only letters, digits and hyphens. */
export const applicationNamePattern = /^[a-z][a-z0-9-]{0,31}$/;
