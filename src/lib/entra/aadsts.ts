import type { ErrorCode } from '../model/errors.ts';

/**
 * How far a failure reaches. `credential`: every tenant fails. `tenant`: only this tenant fails. `ambiguous`: either of
 * the two, and the canary decides. `transient`: a retry may succeed. `request`: the broker's request is wrong.
 */
export type Reach = 'credential' | 'tenant' | 'ambiguous' | 'transient' | 'request';

export interface Meaning {
  readonly code: ErrorCode;
  readonly reach: Reach;
  /** A sentence for the operator that states the probable cause. Ends with a full stop. */
  readonly meaning: string;
}

/**
 * The probable meanings of AADSTS numbers. Sources: "Microsoft Entra authentication and authorization error codes", which
 * warns that the numbers are for diagnosis and may change, and failures that partners reported. An unknown number is
 * classified by `error` and the HTTP status.
 */
const rows: readonly [numbers: readonly number[], reach: Reach, code: ErrorCode, meaning: string][] = [
  // The refresh token and its account
  [[70000], 'credential', 'credential_revoked', 'The refresh token is not valid.'],
  [[70008, 700082], 'credential', 'credential_expired', 'The refresh token was not used for 90 days.'],
  [
    [700084],
    'credential',
    'credential_expired',
    'The refresh token was issued to a single-page application and expired after 24 hours; register the redirect URI as web.',
  ],
  [
    [50173],
    'credential',
    'credential_revoked',
    'The grant was revoked: the password was reset or the sessions were revoked.',
  ],
  [
    [50089, 50132, 50133],
    'credential',
    'credential_revoked',
    'The session is no longer valid, for instance after a password change.',
  ],
  [[50055, 50144], 'credential', 'credential_revoked', "The service account's password has expired."],
  [
    [50053],
    'credential',
    'credential_revoked',
    'The service account is locked, or signs in from a blocked IP address.',
  ],
  [[50057], 'credential', 'credential_revoked', 'The service account is disabled.'],
  [
    [53011],
    'credential',
    'credential_revoked',
    'The service account is blocked because of risk in the partner tenant.',
  ],
  [
    [530034],
    'credential',
    'credential_revoked',
    'Delegated administration is blocked because of risk in the partner tenant.',
  ],
  [
    [700003, 135010, 130004, 50155],
    'credential',
    'credential_revoked',
    'The sign-in was bound to a device that no longer exists; sign in from a browser that is not bound to a device.',
  ],
  // The client credential
  [
    [7000215, 70002],
    'credential',
    'client_credential_rejected',
    'The client secret is wrong; often the id of the secret was stored instead of its value.',
  ],
  [[7000222], 'credential', 'client_credential_rejected', 'The client secret has expired.'],
  [
    [7000218, 700025],
    'credential',
    'client_credential_rejected',
    'The application is registered as a public client, or no client credential was sent.',
  ],
  [
    [700027],
    'credential',
    'client_credential_rejected',
    'The certificate has expired or is not registered with the application; a new one takes effect after a minute.',
  ],
  [
    [700024],
    'credential',
    'client_credential_rejected',
    'The assertion is outside its validity period; check the clock.',
  ],
  [[70021], 'credential', 'client_credential_rejected', 'No federated credential matches the assertion yet.'],
  [
    [700211, 700212, 700213],
    'credential',
    'client_credential_rejected',
    "The issuer, audience or subject of the federated credential differs from the assertion's.",
  ],
  [
    [700229],
    'credential',
    'client_credential_rejected',
    'The federated assertion is not an app-only token of the managed identity.',
  ],
  [[50194], 'credential', 'client_credential_rejected', 'The application is not multi-tenant.'],
  // Policies of the partner or of the customer (the canary decides)
  [[70043], 'ambiguous', 'interaction_required', 'A sign-in frequency policy ended the session.'],
  [[50074, 50076], 'ambiguous', 'interaction_required', 'A policy requires MFA, which the token does not prove.'],
  [[50078], 'ambiguous', 'interaction_required', 'The MFA of the sign-in is too old.'],
  [[50072, 50079], 'ambiguous', 'interaction_required', 'The service account must register for MFA.'],
  [
    [50158],
    'ambiguous',
    'interaction_required',
    'The policy does not accept an external MFA provider; use Microsoft MFA for the service account.',
  ],
  [[53000, 53001, 53003, 50131], 'ambiguous', 'blocked_by_policy', 'A Conditional Access policy blocks the sign-in.'],
  [[530032, 530035], 'ambiguous', 'blocked_by_policy', 'A security policy or the security defaults block the sign-in.'],
  [[500021, 500022], 'ambiguous', 'blocked_by_policy', 'Tenant restrictions of a network block the sign-in.'],
  [[50034, 51004], 'ambiguous', 'tenant_not_delegated', 'The service account does not exist in this tenant.'],
  [[70001, 7000112], 'ambiguous', 'consent_required', 'The application is disabled in this tenant.'],
  // The policy may cover all customers or only some
  [[500212], 'ambiguous', 'blocked_by_policy', "The partner's own outbound cross-tenant policy blocks the sign-in."],
  // The partner tenant answers the same if the registration was deleted or the client id is wrong
  [[700016, 700011], 'ambiguous', 'consent_required', 'The application does not exist in this tenant.'],
  // Only this tenant
  [[65001, 90094, 90008], 'tenant', 'consent_required', 'The application has no consent in this tenant.'],
  [
    [90099],
    'tenant',
    'consent_required',
    'The application is not authorized for delegated administrators in this tenant.',
  ],
  [[7000229, 650051], 'tenant', 'consent_required', 'The application has no service principal in this tenant.'],
  [[50105], 'tenant', 'consent_required', 'The tenant requires user assignment for the application.'],
  [
    [50020, 90072],
    'tenant',
    'tenant_not_delegated',
    'The tenant does not accept the service account: GDAP is not active, its group lacks the role, or the account is a guest in the tenant.',
  ],
  [[50177, 50178], 'tenant', 'blocked_by_policy', 'A policy of the tenant does not support partner users.'],
  [[500213], 'tenant', 'blocked_by_policy', "The tenant's inbound cross-tenant policy blocks the partner."],
  [
    [500011, 650052],
    'tenant',
    'resource_unavailable',
    'The tenant does not have the service of the requested resource.',
  ],
  [
    [90002, 5000224, 900023],
    'tenant',
    'tenant_unknown',
    'The tenant does not exist or is being deleted, or the id is wrong.',
  ],
  [[90038, 900382, 900432, 90051], 'tenant', 'tenant_unknown', 'The tenant is in another Microsoft cloud.'],
  // The broker's request
  [
    [650057, 650056, 65005, 70011, 28002, 700022, 901002],
    'request',
    'entra_request_rejected',
    'The resource or scope is malformed or is not among the permissions of the application.',
  ],
  [
    [54005, 9002313, 900144, 90014],
    'request',
    'entra_request_rejected',
    'A field of the request is missing or malformed.',
  ],
  // Temporary failures of Entra
  [[50196], 'transient', 'throttled', 'Entra received the same request too often and assumes a loop.'],
  [[90055], 'transient', 'throttled', 'Entra throttles this tenant.'],
  [
    [90033, 90006, 90012, 90024, 90090, 90091, 50033, 50087],
    'transient',
    'entra_unavailable',
    'The directory is busy.',
  ],
  [[50000, 90036, 90092], 'transient', 'entra_unavailable', 'Entra failed while it issued the token.'],
];

/** The probable meaning by AADSTS number. */
export const aadstsMeanings: ReadonlyMap<number, Meaning> = new Map(
  rows.flatMap(([numbers, reach, code, meaning]) =>
    numbers.map((number) => [number, { code, reach, meaning }] as const),
  ),
);
