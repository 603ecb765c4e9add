import { aadstsNumbers } from '../entra/aadsts.ts';
import type { Settings } from '../world.ts';
import type { FaultRule } from './rule.ts';

export interface FaultSet {
  readonly description: string;
  readonly rules: readonly FaultRule[];
  /** Settings that the set changes. */
  readonly settings?: Partial<Settings>;
}

/** Entra refuses refresh tokens. */
const entraRefuses = (description: string, aadsts: number, more: FaultRule = {}): FaultSet => ({
  description,
  rules: [{ service: 'entra', grant: 'refresh_token', aadsts, ...more }],
});

/** Entra refuses the grants that use a client secret. Sign-ins through a public client keep working. */
const secretRefused = (description: string, aadsts: number): FaultSet => ({
  description,
  rules: ['refresh_token', 'client_credentials'].map((grant) => ({ service: 'entra', grant, aadsts })),
});

const retryAfterOne = { 'retry-after': '1' };

/** Fault sets by name. Every AADSTS number has a set as well, for example `aadsts-50173`. */
export const faultSets: Readonly<Record<string, FaultSet>> = {
  none: { description: 'No faults.', rules: [] },
  flaky: {
    description: 'One request in ten fails: 503, dropped connections, lost replies.',
    rules: [
      { service: 'entra', grant: 'refresh_token', probability: 0.05, status: 503, headers: retryAfterOne },
      { service: 'entra', grant: 'refresh_token', probability: 0.03, kind: 'drop' },
      { service: 'entra', grant: 'refresh_token', probability: 0.02, kind: 'lost_reply' },
      { service: 'graph', probability: 0.05, status: 503, headers: retryAfterOne },
      { service: 'graph', probability: 0.05, kind: 'drop' },
    ],
  },
  throttle: {
    description: 'Entra and Graph throttle every fourth request, with every form of 429.',
    rules: [
      { service: 'entra', grant: 'refresh_token', every: 8, kind: 'plain_429', headers: retryAfterOne },
      { service: 'entra', grant: 'refresh_token', from: 5, every: 8, aadsts: 90055, headers: retryAfterOne },
      {
        service: 'graph',
        every: 4,
        status: 429,
        headers: retryAfterOne,
        body: '{"error":{"code":"TooManyRequests","message":"Too many requests"}}',
      },
    ],
  },
  'broken-replies': {
    description: 'Some replies of Entra and Graph are HTML, truncated, empty objects, 10 MB, plain text or very slow.',
    rules: [
      { service: 'entra', grant: 'refresh_token', every: 12, kind: 'html' },
      { service: 'entra', grant: 'refresh_token', from: 3, every: 12, kind: 'truncated' },
      { service: 'entra', grant: 'refresh_token', from: 5, every: 12, kind: 'empty_json' },
      { service: 'entra', grant: 'refresh_token', from: 7, every: 12, kind: 'huge' },
      { service: 'entra', grant: 'refresh_token', from: 9, every: 12, kind: 'plain_429' },
      { service: 'entra', grant: 'refresh_token', from: 11, every: 12, kind: 'drip' },
      { service: 'graph', every: 6, kind: 'html' },
      { service: 'graph', from: 3, every: 6, kind: 'truncated' },
    ],
  },
  revoked: entraRefuses('An administrator revoked the sessions of the service account.', 50173),
  'refresh-token-expired': entraRefuses('The refresh token has not been used for 90 days.', 700082),
  'account-disabled': entraRefuses('The service account is disabled.', 50057),
  'home-risk': entraRefuses('The home tenant blocks delegated administration because of risk.', 530034),
  'conditional-access-everywhere': entraRefuses(
    'Conditional Access blocks the service account in every tenant.',
    53003,
  ),
  'mfa-required': entraRefuses('Entra requires MFA in every tenant.', 50076),
  'loop-detected': entraRefuses('Entra detected a client that sends requests in a loop.', 50196),
  'secret-expired': secretRefused('The client secret has expired.', 7000222),
  'secret-wrong': secretRefused('The client secret is wrong.', 7000215),
  'revoked-midway': entraRefuses('The sessions are revoked after ten token requests.', 50173, { from: 11 }),
  'unknown-permission': entraRefuses('The application asks for a permission that does not exist.', 650051, {
    text: 'Claim is invalid: Reports.Read.Everything does not exist.',
  }),
  'entra-down': { description: 'Entra returns 503.', rules: [{ service: 'entra', path: '/token$', kind: 'html' }] },
  'entra-slow': {
    description: 'Entra takes two seconds.',
    rules: [{ service: 'entra', kind: 'delay', delayMs: 2000 }],
  },
  'graph-down': { description: 'Graph returns 503.', rules: [{ service: 'graph', kind: 'html' }] },
  'graph-forbidden': {
    description: 'Graph returns 403: the application has no service principal in the tenant.',
    rules: [
      {
        service: 'graph',
        status: 403,
        body: '{"error":{"code":"Authorization_IdentityNotFound","message":"The identity of the calling application could not be established."}}',
      },
    ],
  },
  'role-schedules-refused': {
    description: 'Graph refuses schedules of roles, as it is said to do for delegated administrators (CIPP).',
    rules: [
      {
        service: 'graph',
        path: '/roleManagement/directory/role(?:Eligibility|Assignment)Schedule',
        status: 400,
        body: '{"error":{"code":"UnknownError","message":"Attempted to perform an unauthorized operation."}}',
      },
    ],
  },
  'premium-denied-at-times': {
    description: 'Graph finds no Entra ID P1 for every third request that needs it, also in tenants that have it.',
    rules: [
      {
        service: 'graph',
        path: '/auditLogs/signIns|/userRegistrationDetails',
        every: 3,
        status: 403,
        body: '{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"Neither tenant is B2C or tenant doesn\'t have premium license"}}',
      },
    ],
  },
  'directory-roles-down': {
    description: 'Graph returns 503 for directory roles: assignments, members and memberships.',
    rules: [
      {
        service: 'graph',
        path: '/(?:roleManagement|directoryRoles)/|/(?:transitive)?memberOf|/directoryRoles$',
        kind: 'html',
      },
    ],
  },
  'writes-shown-late': {
    description: 'Graph and Exchange show for 30 seconds what was written and the state before it in turn.',
    rules: [
      { service: 'graph', kind: 'stale_reads', forMs: 30_000 },
      { service: 'exchange', kind: 'stale_reads', forMs: 30_000 },
    ],
  },
  'writes-put-back': {
    description: 'Another tool puts back after a minute what was written in Graph and Exchange.',
    rules: [
      { service: 'graph', kind: 'put_back', forMs: 60_000 },
      { service: 'exchange', kind: 'put_back', forMs: 60_000 },
    ],
  },
  'writes-answered-500': {
    description: 'Graph does every third change and answers 500.',
    rules: ['POST', 'PATCH', 'DELETE'].map((method) => ({
      service: 'graph',
      method,
      every: 3,
      kind: 'late_500',
      body: '{"error":{"code":"InternalServerError","message":"Internal server error."}}',
    })),
  },
  'conditional-access-limit': {
    description:
      'Graph throttles more than one request a second for Conditional Access, and does not say how long to wait.',
    rules: [
      {
        service: 'graph',
        path: '/identity/conditionalAccess/',
        beyond: { requests: 1, withinMs: 1000 },
        status: 429,
        body: '{"error":{"code":"TooManyRequests","message":"Too Many Requests"}}',
      },
    ],
  },
  'aad-graph-retired': {
    description: 'Azure AD Graph is retired.',
    rules: [
      {
        service: 'aadGraph',
        status: 403,
        body: '{"odata.error":{"code":"Authentication_Unauthorized","message":{"lang":"en","value":"Access to AAD Graph API is blocked for this application."}}}',
      },
    ],
  },
  'partner-center-down': {
    description: 'Partner Center returns 503.',
    rules: [{ service: 'partnerCenter', kind: 'html' }],
  },
  'partner-center-throttled': {
    description: 'Partner Center throttles every third request.',
    rules: [
      {
        service: 'partnerCenter',
        every: 3,
        status: 429,
        headers: retryAfterOne,
        body: '{"statusCode":429,"message":"Rate limit is exceeded. Try again in 1 seconds."}',
      },
    ],
  },
  'key-vault-down': { description: 'Key Vault returns 503.', rules: [{ service: 'keyVault', kind: 'html' }] },
  'key-vault-forbidden': {
    description: 'The identity has no role in the vault.',
    rules: [
      {
        service: 'keyVault',
        status: 403,
        body: '{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.","innererror":{"code":"ForbiddenByRbac"}}}',
      },
    ],
  },
  'key-vault-throttled': {
    description: 'Key Vault throttles every second request.',
    rules: [
      {
        service: 'keyVault',
        every: 2,
        status: 429,
        headers: retryAfterOne,
        body: '{"error":{"code":"Throttled","message":"Request was not processed because too many requests were received."}}',
      },
    ],
  },
  'key-vault-lost-writes': {
    description: 'Key Vault stores secrets but closes the connection without a reply.',
    rules: [{ service: 'keyVault', method: 'PUT', kind: 'lost_reply' }],
  },
  'slow-consent': {
    description: 'A consent in a customer tenant is visible and takes effect after three minutes of the cloud clock.',
    rules: [],
    settings: { consentPropagationMs: 180_000 },
  },
  'strict-refresh-tokens': {
    description: 'A refresh token can be used only once.',
    rules: [],
    settings: { strictRefreshTokens: true },
  },
  'managed-identity-down': {
    description: 'The managed identity endpoint returns 500.',
    rules: [{ service: 'managedIdentity', status: 500, body: '{"statusCode":500,"message":"internal"}' }],
  },
};

/** The names of the fault sets, without those of the AADSTS numbers. */
export const faultSetNames: readonly string[] = Object.keys(faultSets);

/** @throws RangeError for an unknown name. The message lists the known names. */
export function faultSet(name: string): FaultSet {
  const known = Object.hasOwn(faultSets, name) ? faultSets[name] : undefined;
  if (known !== undefined) return known;
  const number = /^aadsts-(\d+)$/i.exec(name)?.[1];
  if (number !== undefined && aadstsNumbers.includes(Number(number))) {
    return {
      description: `Entra refuses every token with AADSTS${number}.`,
      rules: [{ service: 'entra', path: '/token$', aadsts: Number(number) }],
    };
  }
  throw new RangeError(
    `There is no fault set "${name}". Use one of ${faultSetNames.join(', ')}, or aadsts-NUMBER for an AADSTS number.`,
  );
}
