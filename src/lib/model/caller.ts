import type { TenantId } from './identifiers.ts';

/** The app roles of the broker's application in Entra: what a caller may use of the API. */
export const callerRoles = ['Tokens.Request', 'Tenants.Read', 'Runs.Read', 'Runs.Write', 'Audit.Read'] as const;
export type CallerRole = (typeof callerRoles)[number];

/** Who asks, as proven by an access token for the broker's own application. */
export interface Caller {
  /** The application that asks (`azp`, or `appid` in a v1 token), GUID in lower case. */
  readonly applicationId: string;
  /** The service principal or user (`oid`), GUID in lower case. */
  readonly objectId: string;
  readonly kind: 'application' | 'user';
  /** Those of {@link callerRoles} that the token carries; may be empty. */
  readonly roles: readonly CallerRole[];
  /** The tenant that vouches for the caller. */
  readonly tenantId: TenantId;
  /** For logs: the user's sign-in name or the application's display name where the token has one, else the application id. */
  readonly name: string;
}

/** Proves who sends a request. */
export interface CallerVerifier {
  /**
   * @param authorization The value of the Authorization header, or null when there is none.
   * @throws BrokerError `caller_unauthenticated` for every token that is not proven, `entra_unavailable` when the keys
   * that would prove it cannot be had.
   */
  verify(authorization: string | null): Promise<Caller>;
}
