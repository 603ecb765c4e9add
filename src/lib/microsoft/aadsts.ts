import type { ErrorCode } from '../core/errors.ts';

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

/** Numbers by their meaning, in the order of the documentation. */
const rows = (
  reach: Reach,
  code: ErrorCode,
  numbersByMeaning: Readonly<Record<string, readonly number[]>>,
): readonly (readonly [number: number, meaning: Meaning])[] =>
  Object.entries(numbersByMeaning).flatMap(([meaning, numbers]) =>
    numbers.map((number) => [number, { code, reach, meaning }] as const),
  );

/**
 * The probable meaning by AADSTS number, unless one of {@link aadstsVariants} applies. Sources: "Microsoft Entra authentication
 * and authorization error codes", which warns that the numbers are for diagnosis and may change, and failures that partners
 * reported (7000214, 1000502, 7000274, 7000277: the constants of microsoft-identity-web; 70046, 530031, 530033, 501051: reports
 * without a page of Microsoft). An unknown number is classified by `error` and the HTTP status.
 */
export const aadstsMeanings: ReadonlyMap<number, Meaning> = new Map([
  // The refresh token and its account
  ...rows('credential', 'credential_revoked', {
    'The refresh token is not valid.': [70000],
  }),
  ...rows('credential', 'credential_expired', {
    'The refresh token was not used for 90 days.': [70008, 700082],
    'The refresh token was issued to a single-page application, which is limited to 24 hours and to browsers; register the redirect URI on the web platform.':
      [700084, 9002327],
  }),
  ...rows('credential', 'credential_revoked', {
    'The refresh token was issued to another application than the client id in Key Vault; consent again with this application.':
      [700007],
    'The grant was revoked: the password was reset or the sessions were revoked.': [50173],
    'The session is no longer valid, for instance after a password change.': [50089, 50132, 50133],
    "The service account's password has expired.": [50055, 50144],
    'The service account is locked, or signs in from a blocked IP address.': [50053],
    'The service account is disabled.': [50057],
    'The service account is blocked because of risk in the partner tenant.': [53011, 50135],
    'Delegated administration is blocked because of risk in the partner tenant.': [530034],
    'The sign-in was bound to a device that no longer exists; sign in from a browser that is not bound to a device.': [
      700003, 135010, 130004, 50155,
    ],
    'The sign-in was bound to a device that is now disabled; sign in from a browser that is not bound to a device.': [
      135011, 130007,
    ],
  }),
  // The client credential
  ...rows('credential', 'client_credential_rejected', {
    'The client secret is wrong; often the id of the secret was stored instead of its value.': [7000215, 70002],
    'The client secret has expired.': [7000222],
    'The application is registered as a public client, or no client credential was sent.': [7000216, 7000218, 700025],
    'The certificate has expired or is not registered with the application; a new one takes effect after a minute.': [
      700027, 1000502, 7000274,
    ],
    'The certificate has been revoked by its issuer.': [7000214, 7000277],
    'The subject name of the certificate is not authorized.': [700030],
    'The assertion is outside its validity period; check the clock.': [700024],
    'No federated credential matches the assertion yet.': [70021],
    "The issuer, audience or subject of the federated credential differs from the assertion's.": [
      700211, 700212, 700213,
    ],
    'The federated assertion is not an app-only token of the managed identity.': [700229],
    'The application is not multi-tenant.': [50194],
  }),
  // Policies of the partner or of the customer (the canary decides)
  ...rows('ambiguous', 'interaction_required', {
    'A sign-in frequency policy ended the session; unless the policy excludes the service account, it ends the next one too.':
      [70043, 70044, 70046],
    'A policy requires MFA, which the token does not prove.': [50074, 50076],
    'The MFA of the sign-in is too old.': [50078],
    'The service account must register for MFA.': [50072, 50079],
    'The service account must register for MFA, but its risk or its place blocks the registration.': [53004, 53010],
    'The policy does not accept an external MFA provider; use Microsoft MFA for the service account.': [50158],
  }),
  ...rows('ambiguous', 'blocked_by_policy', {
    'A Conditional Access policy blocks the sign-in.': [53003, 50131, 530031],
    'A Conditional Access policy requires a registered or compliant device, which a service account does not have.': [
      53000, 53001, 50097, 50129,
    ],
    'A Conditional Access policy allows only approved client applications.': [53002],
    'A Conditional Access policy blocks the device code flow; sign in from a browser on the same machine.': [530033],
    'A Conditional Access policy requires token protection, which a service account cannot provide.': [530084],
    'A security policy or the security defaults block the sign-in.': [530032, 530035],
    'Tenant restrictions of a network block the sign-in.': [500021, 500022],
  }),
  ...rows('ambiguous', 'tenant_not_delegated', {
    'The service account does not exist in this tenant.': [50034, 51004, 16000],
  }),
  ...rows('ambiguous', 'consent_required', {
    'The application is disabled in this tenant; an administrator of the tenant must enable sign-in to it.': [
      70001, 7000112, 1000031,
    ],
  }),
  // The policy may cover all customers or only some
  ...rows('ambiguous', 'blocked_by_policy', {
    "The partner's own outbound cross-tenant policy blocks the sign-in.": [500212],
  }),
  // The partner tenant answers the same if the registration was deleted or the client id is wrong
  ...rows('ambiguous', 'consent_required', {
    'The application does not exist in this tenant: nobody consented to it here, or it was deleted.': [700016, 700011],
  }),
  // Only this tenant
  ...rows('tenant', 'consent_required', {
    'The application has no consent in this tenant.': [65001, 90094, 90095, 90008],
    'The application is not authorized for delegated administrators in this tenant.': [90099],
    'The application has no service principal in this tenant.': [7000229],
    'Only assigned users may sign in to the application: `ptb setup --account` assigns one at home; a customer must remove the requirement.':
      [50105],
    'The resource requires an assignment; an administrator must assign the application to one of its roles.': [501051],
  }),
  ...rows('tenant', 'tenant_not_delegated', {
    'The tenant does not accept the service account: GDAP is not active, its group lacks the role, or the account is a guest in the tenant.':
      [50020, 90072],
    'The service account is a guest in this tenant, and the guest account is disabled or pending; delete the guest account, so that the delegated relationship applies.':
      [500571, 50014],
  }),
  ...rows('tenant', 'blocked_by_policy', {
    'A policy of the tenant does not support partner users.': [50177, 50178],
    "The tenant's inbound cross-tenant policy blocks the partner.": [500213],
  }),
  ...rows('tenant', 'resource_unavailable', {
    'The tenant does not have the service of the requested resource.': [500011, 650052],
    "The tenant's subscription for the requested resource has lapsed, or its administrator disabled the resource.": [
      500014,
    ],
  }),
  ...rows('tenant', 'tenant_unknown', {
    'The tenant does not exist or is being deleted, or the id is wrong.': [90002, 5000224, 900023],
    'The tenant is in another Microsoft cloud.': [90038, 900382, 900432, 90051],
  }),
  // The broker's request
  ...rows('request', 'entra_request_rejected', {
    'The resource or scope is malformed or is not among the permissions of the application.': [
      650057, 650056, 65005, 70011, 28002, 28003, 901002,
    ],
    'The request names more than one resource.': [700022, 28000],
    'The request names no resource.': [700023],
    'A token for the application itself is only issued for all its permissions.': [1002012],
    'The application asks for a scope that the resource does not have; correct the permissions of the application.': [
      650053,
    ],
    'The application asks for a resource that was removed; remove it from the permissions of the application.': [
      650054,
    ],
    'The application asks for a permission that does not exist; correct the permissions of the application.': [650051],
    'The client id belongs to an application of Microsoft that may not use this resource; use an application of your own.':
      [65002],
    'The application requests a token for itself; its identifier must be its client id.': [90009],
    'The application may not exchange a token of another application.': [7000114],
    'The authorization code was issued by another tenant; sign in to the partner tenant.': [700005],
    'The redirect URI is not registered with the application; register it on the web platform.': [50011],
    'A field of the request is missing or malformed.': [54005, 9002313, 900144, 90014],
  }),
  // Temporary failures of Entra
  ...rows('transient', 'throttled', {
    'Entra received the same request too often and assumes a loop.': [50196],
    'Entra throttles this tenant.': [90055],
  }),
  ...rows('transient', 'entra_unavailable', {
    'The directory is busy.': [90033, 90006, 90012, 90024, 90090, 90091, 50033, 50087],
    'Entra failed while it issued the token.': [50000, 90036, 90092],
  }),
]);

/** The fields of a reply that tell two meanings of one number apart. */
interface Reply {
  readonly error: string;
  readonly description: string;
}

/** A number that Entra uses for two causes. */
export interface AadstsVariant extends Meaning {
  readonly number: number;
  /** The condition in words, for the documentation. */
  readonly condition: string;
  readonly applies: (reply: Reply) => boolean;
}

export const aadstsVariants: readonly AadstsVariant[] = [
  {
    number: 9002313,
    condition: 'with `invalid_grant`',
    applies: ({ error }) => error === 'invalid_grant',
    reach: 'credential',
    code: 'credential_revoked',
    meaning: 'The stored refresh token is malformed; consent again to replace it.',
  },
  {
    // Microsoft's page calls 700023 "InvalidResourcelessScope". Assertions with a wrong audience get it too.
    number: 700023,
    condition: 'with `invalid_client`',
    applies: ({ error }) => error === 'invalid_client',
    reach: 'credential',
    code: 'client_credential_rejected',
    meaning: 'The audience of the assertion is not this tenant of Entra; check the cloud in the settings.',
  },
  {
    // Two consents at the same time (Partner Center: "service principal name is already present").
    number: 650051,
    condition: 'if the description says `already present`',
    applies: ({ description }) => /already present/i.test(description),
    reach: 'tenant',
    code: 'consent_required',
    meaning:
      'The service principal of the application is being created in this tenant; consent again in half a minute.',
  },
];

/** The probable meaning of a number in a reply; undefined for an unknown number. */
export const meaningOf = (number: number, reply: Reply): Meaning | undefined =>
  aadstsVariants.find((variant) => variant.number === number && variant.applies(reply)) ?? aadstsMeanings.get(number);
