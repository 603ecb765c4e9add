import type { TenantId } from './identifiers.ts';
import type { Secret } from './secret.ts';

/** How the token is had: for the service account (refresh token), or for the application itself (client credentials). */
export const grants = ['delegated', 'application'] as const;
export type Grant = (typeof grants)[number];

/** A thing that tokens are for: its alias with us, and its name with Entra (`https://graph.microsoft.com`). */
export interface Resource {
  readonly alias: string;
  readonly identifier: string;
  /** Set where Microsoft has retired the resource: when it was deprecated (RFC 9745) and when it ended (RFC 8594). */
  readonly retired?: { readonly deprecatedAtMs: number; readonly sunsetAtMs: number };
}

/** What is asked of the broker. Tenant, resource, grant and application make the cache key. */
export interface TokenRequest {
  readonly tenantId: TenantId;
  readonly resource: Resource;
  readonly grant: Grant;
  /** Which of the broker's applications redeems; `default` where a rule names none. */
  readonly application: string;
  /** How long the token must still live when the source gives it, seconds. */
  readonly minimumLifetimeSeconds: number;
  readonly correlationId: string;
  /** What it is for where no caller asks: `job:NAME`. Stands in the audit record. */
  readonly purpose?: string;
}

/** An access token with what is known of it. Its value is opaque; claims are read for judging only. */
export interface AccessToken {
  readonly secret: Secret;
  readonly tenantId: TenantId;
  readonly resource: Resource;
  readonly grant: Grant;
  readonly application: string;
  /** Delegated scopes (`scp`) or application roles (`roles`) that it carries, as Entra reported them. */
  readonly scopes: readonly string[];
  readonly expiresAtMs: number;
  /** True when no upstream call was needed for this answer. */
  readonly fromCache: boolean;
}

/** The port that callers, jobs and the directory get tokens through. */
export interface TokenSource {
  /** @throws BrokerError with a code of scope tenant, credential or platform. */
  getToken(request: TokenRequest, signal?: AbortSignal): Promise<AccessToken>;
  /** Forget what is cached for one tenant: after a consent, an old token lacks the new permissions for its whole life. */
  forgetTenant(tenantId: TenantId): void;
}

/** A source that keeps tokens, and so may give one from before a change of consent. */
export interface CachingTokenSource extends TokenSource {
  /**
   * A token that Entra issues now, for whoever was given a kept one and misses in it what may have been consented to
   * since. At most once in three minutes for all who ask for the same: that is how long a consent takes to spread.
   * @returns undefined when it is too soon, or when Entra gives none: the kept token is still good.
   */
  getNewerToken(request: TokenRequest): Promise<AccessToken | undefined>;
}
