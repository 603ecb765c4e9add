import type { TenantId } from './identifiers.ts';
import type { Secret } from './secret.ts';

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
