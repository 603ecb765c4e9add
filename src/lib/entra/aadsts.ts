import type { ErrorCode } from '../model/errors.ts';

/**
 * What an AADSTS number most likely means. Sources: "Microsoft Entra authentication and authorization error codes"
 * (the page says that numbers are for diagnosis and may change), and failures met by partners. So this table only
 * refines: `error` and the HTTP status decide first, and an unknown number is safe by the canary.
 *
 * reach: `credential` every tenant fails, `tenant` this one alone, `ambiguous` either (the canary decides),
 * `transient` nobody's fault, `request` we sent something wrong.
 */
export type Reach = 'credential' | 'tenant' | 'ambiguous' | 'transient' | 'request';

export interface Meaning {
  readonly code: ErrorCode;
  readonly reach: Reach;
  /** One plain sentence for the operator: what it says about the world. */
  readonly meaning: string;
}

const rows: readonly [numbers: readonly number[], reach: Reach, code: ErrorCode, meaning: string][] = [
  // The refresh token and its account
  [[70000], 'credential', 'credential_revoked', 'The refresh token is not valid.'],
  [[70008, 700082], 'credential', 'credential_expired', 'The refresh token was not used for 90 days.'],
  [
    [700084],
    'credential',
    'credential_expired',
    'The refresh token was issued to a single-page application and lived 24 hours; register the redirect address as web.',
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
  [[50053], 'credential', 'credential_revoked', 'The service account is locked, or signs in from a blocked address.'],
  [[50057], 'credential', 'credential_revoked', 'The service account is disabled.'],
  [[53011], 'credential', 'credential_revoked', 'The service account is blocked for risk in the partner tenant.'],
  [[530034], 'credential', 'credential_revoked', 'Delegated administration is blocked for risk in the partner tenant.'],
  [
    [700003, 135010, 130004, 50155],
    'credential',
    'credential_revoked',
    'The sign-in was bound to a device that is gone; sign in from a plain browser.',
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
    'The certificate has ended or is not registered with the application; a new one takes a minute to be known.',
  ],
  [[700024], 'credential', 'client_credential_rejected', 'The assertion is outside its time range; check the clock.'],
  [[70021], 'credential', 'client_credential_rejected', 'No federated credential matches the assertion yet.'],
  [
    [700211, 700212, 700213],
    'credential',
    'client_credential_rejected',
    "Issuer, audience or subject of the federated credential differ from the assertion's.",
  ],
  [
    [700229],
    'credential',
    'client_credential_rejected',
    'The federated assertion is not an app-only token of the managed identity.',
  ],
  [[50194], 'credential', 'client_credential_rejected', 'The application is not multi-tenant.'],
  // Policies: of the partner or of the customer, told apart by the canary
  [[70043], 'ambiguous', 'interaction_required', 'A sign-in frequency policy ended the session.'],
  [[50074, 50076], 'ambiguous', 'interaction_required', 'A policy asks for MFA that the token does not show.'],
  [[50078], 'ambiguous', 'interaction_required', 'The MFA of the sign-in is too old.'],
  [[50072, 50079], 'ambiguous', 'interaction_required', 'The service account must register for MFA.'],
  [
    [50158],
    'ambiguous',
    'interaction_required',
    'An external MFA provider is not accepted; use Microsoft MFA for the service account.',
  ],
  [[53000, 53001, 53003, 50131], 'ambiguous', 'blocked_by_policy', 'A Conditional Access policy blocks the sign-in.'],
  [[530032, 530035], 'ambiguous', 'blocked_by_policy', 'A security policy or the security defaults block the sign-in.'],
  [[500021, 500022], 'ambiguous', 'blocked_by_policy', 'Tenant restrictions of a network block the sign-in.'],
  [[50034, 51004], 'ambiguous', 'tenant_not_delegated', 'The service account is not known in this tenant.'],
  [[70001, 7000112], 'ambiguous', 'consent_required', 'The application is disabled in this tenant.'],
  // For all customers, or for the organisations that it names: told apart by those that work
  [[500212], 'ambiguous', 'blocked_by_policy', "The partner's own outbound cross-tenant policy blocks it."],
  // Home says the same where the registration was deleted or the id is wrong
  [[700016, 700011], 'ambiguous', 'consent_required', 'The application is not known in this tenant.'],
  // This tenant alone
  [[65001, 90094, 90008], 'tenant', 'consent_required', 'Nobody has consented to the application in this tenant.'],
  [
    [90099],
    'tenant',
    'consent_required',
    'The application is not authorised for delegated administrators in this tenant.',
  ],
  [[7000229, 650051], 'tenant', 'consent_required', 'The application has no service principal in this tenant.'],
  [[50105], 'tenant', 'consent_required', 'The tenant requires user assignment for the application.'],
  [
    [50020, 90072],
    'tenant',
    'tenant_not_delegated',
    'The service account is not accepted: no active GDAP, its group lacks the role, or the account is a guest there.',
  ],
  [[50177, 50178], 'tenant', 'blocked_by_policy', 'A policy of the tenant does not support partner users.'],
  [[500213], 'tenant', 'blocked_by_policy', "The tenant's inbound cross-tenant policy blocks the partner."],
  [[500011, 650052], 'tenant', 'resource_unavailable', 'The tenant does not have the service that the token is for.'],
  [
    [90002, 5000224, 900023],
    'tenant',
    'tenant_unknown',
    'The tenant does not exist, is being deleted, or the id is wrong.',
  ],
  [[90038, 900382, 900432, 90051], 'tenant', 'tenant_unknown', 'The tenant lives in another Microsoft cloud.'],
  // Our request
  [
    [650057, 650056, 65005, 70011, 28002, 700022, 901002],
    'request',
    'entra_request_rejected',
    'The resource or scope is not among the permissions of the application, or malformed.',
  ],
  [
    [54005, 9002313, 900144, 90014],
    'request',
    'entra_request_rejected',
    'A field of the request is missing or malformed.',
  ],
  // Nobody's fault
  [[50196], 'transient', 'throttled', 'Entra sees a loop: the same request too often.'],
  [[90055], 'transient', 'throttled', 'Entra throttles this tenant.'],
  [
    [90033, 90006, 90012, 90024, 90090, 90091, 50033, 50087],
    'transient',
    'entra_unavailable',
    'The directory is busy.',
  ],
  [[50000, 90036, 90092], 'transient', 'entra_unavailable', 'Entra failed while it issued the token.'],
];

/** AADSTS number → its likely meaning. */
export const aadstsMeanings: ReadonlyMap<number, Meaning> = new Map(
  rows.flatMap(([numbers, reach, code, meaning]) =>
    numbers.map((number) => [number, { code, reach, meaning }] as const),
  ),
);
