/** A sign-in that gave an access token, as the Entra admin center downloads it: a part of the type `signIn` of Graph beta. */
export interface LoggedSignIn {
  /** Request id. */
  readonly id: string;
  readonly createdDateTime: string;
  readonly appId: string;
  readonly appDisplayName: string;
  /** Empty for an application of its own. */
  readonly userPrincipalName: string;
  readonly userId: string;
  readonly ipAddress: string;
  readonly resourceId: string;
  readonly resourceTenantId: string;
  readonly homeTenantId: string;
  /** `serviceProvider` for users of the partner in a customer tenant. */
  readonly crossTenantAccessType: 'none' | 'serviceProvider';
  readonly signInEventTypes: readonly ['nonInteractiveUser' | 'servicePrincipal'];
  /** The claim `uti` of the token. */
  readonly uniqueTokenIdentifier: string;
  readonly status: { readonly errorCode: 0 };
}

/** Sign-ins that are kept of all tenants, so that a run with a million redemptions needs no list of them. */
const kept = 20_000;

/** Which tokens were issued lately. The oldest are forgotten. */
export class SignInLog {
  #newest: LoggedSignIn[] = [];

  add(signIn: LoggedSignIn): void {
    this.#newest.push(signIn);
    if (this.#newest.length >= 2 * kept) this.#newest = this.#newest.slice(-kept);
  }

  /** Those for a tenant, newest first. */
  of(tenantId: string): readonly LoggedSignIn[] {
    return this.#newest.filter(({ resourceTenantId }) => resourceTenantId === tenantId).toReversed();
  }
}
