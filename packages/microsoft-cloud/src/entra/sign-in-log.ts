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

/** Most sign-ins that are kept of a tenant. */
const mostKept = 10_000;

/** Which tokens were issued for each tenant. The oldest are forgotten. */
export class SignInLog {
  readonly #tenants = new Map<string, LoggedSignIn[]>();

  add(signIn: LoggedSignIn): void {
    const kept = this.#tenants.get(signIn.resourceTenantId) ?? [];
    this.#tenants.set(signIn.resourceTenantId, kept);
    kept.push(signIn);
    if (kept.length >= 2 * mostKept) kept.splice(0, mostKept);
  }

  /** The newest first. */
  of(tenantId: string): readonly LoggedSignIn[] {
    return (this.#tenants.get(tenantId) ?? []).slice(-mostKept).toReversed();
  }
}
