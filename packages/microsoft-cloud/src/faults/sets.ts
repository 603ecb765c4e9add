import { aadstsNumbers } from '../entra/aadsts.ts';
import type { Settings } from '../world.ts';
import type { FaultRule } from './rule.ts';

export interface FaultSet {
  readonly says: string;
  readonly rules: readonly FaultRule[];
  /** Ways of the cloud that are no fault of a single request. */
  readonly settings?: Partial<Settings>;
}

const entraRefuses = (says: string, aadsts: number, more: FaultRule = {}): FaultSet => ({
  says,
  rules: [{ service: 'entra', grant: 'refresh_token', aadsts, ...more }],
});

/** Whoever presents a client secret; the sign-in of a person through a public client does not. */
const secretRefused = (says: string, aadsts: number): FaultSet => ({
  says,
  rules: ['refresh_token', 'client_credentials'].map((grant) => ({ service: 'entra', grant, aadsts })),
});

const retryAfterOne = { 'retry-after': '1' };

/** The sets that `--faults NAME` knows. Every AADSTS number has one more of its own: `aadsts-50173`. */
export const faultSets: Readonly<Record<string, FaultSet>> = {
  none: { says: 'Nothing goes wrong.', rules: [] },
  flaky: {
    says: 'One request in ten fails in passing: 503, dropped connections, lost replies.',
    rules: [
      { service: 'entra', grant: 'refresh_token', probability: 0.05, status: 503, headers: retryAfterOne },
      { service: 'entra', grant: 'refresh_token', probability: 0.03, kind: 'drop' },
      { service: 'entra', grant: 'refresh_token', probability: 0.02, kind: 'lost_reply' },
      { service: 'graph', probability: 0.05, status: 503, headers: retryAfterOne },
      { service: 'graph', probability: 0.05, kind: 'drop' },
    ],
  },
  throttle: {
    says: 'Entra and Graph throttle every fourth request, in all their ways.',
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
    says: 'Entra and Graph answer with HTML, nothing, halves, drips, 10 MB and empty objects.',
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
  revoked: entraRefuses('An administrator has revoked the sessions of the service account.', 50173),
  'refresh-token-expired': entraRefuses('The refresh token has not been used for 90 days.', 700082),
  'account-disabled': entraRefuses('The service account is disabled.', 50057),
  'home-risk': entraRefuses('The home tenant blocks delegated administration because of risk.', 530034),
  'conditional-access-everywhere': entraRefuses('Conditional Access blocks the service account everywhere.', 53003),
  'mfa-required': entraRefuses('Entra asks for MFA everywhere.', 50076),
  'loop-detected': entraRefuses('Entra has detected a client that asks in a loop.', 50196),
  'secret-expired': secretRefused('The client secret has expired.', 7000222),
  'secret-wrong': secretRefused('The client secret is wrong.', 7000215),
  'revoked-midway': entraRefuses('The sessions are revoked after ten token requests.', 50173, { from: 11 }),
  'entra-down': { says: 'Entra answers 503.', rules: [{ service: 'entra', path: '/token$', kind: 'html' }] },
  'entra-slow': { says: 'Entra takes two seconds.', rules: [{ service: 'entra', kind: 'delay', delayMs: 2000 }] },
  'graph-down': { says: 'Graph answers 503.', rules: [{ service: 'graph', kind: 'html' }] },
  'graph-forbidden': {
    says: 'Graph refuses: no service principal in the tenant.',
    rules: [
      {
        service: 'graph',
        status: 403,
        body: '{"error":{"code":"Authorization_IdentityNotFound","message":"The identity of the calling application could not be established."}}',
      },
    ],
  },
  'aad-graph-retired': {
    says: 'Azure AD Graph is retired.',
    rules: [
      {
        service: 'aadGraph',
        status: 403,
        body: '{"odata.error":{"code":"Authentication_Unauthorized","message":{"lang":"en","value":"Access to AAD Graph API is blocked for this application."}}}',
      },
    ],
  },
  'partner-center-down': { says: 'Partner Center answers 503.', rules: [{ service: 'partnerCenter', kind: 'html' }] },
  'partner-center-throttled': {
    says: 'Partner Center throttles every third request.',
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
  'key-vault-down': { says: 'Key Vault answers 503.', rules: [{ service: 'keyVault', kind: 'html' }] },
  'key-vault-forbidden': {
    says: 'The identity has no role in the vault.',
    rules: [
      {
        service: 'keyVault',
        status: 403,
        body: '{"error":{"code":"Forbidden","message":"Caller is not authorized to perform action on resource.","innererror":{"code":"ForbiddenByRbac"}}}',
      },
    ],
  },
  'key-vault-throttled': {
    says: 'Key Vault throttles every second request.',
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
    says: 'Key Vault commits what is written and loses the reply.',
    rules: [{ service: 'keyVault', method: 'PUT', kind: 'lost_reply' }],
  },
  'slow-consent': {
    says: 'A consent in a customer tenant takes three minutes of the movable clock to reach Entra.',
    rules: [],
    settings: { consentPropagationMs: 180_000 },
  },
  'strict-refresh-tokens': {
    says: 'A refresh token is worth nothing once it was used.',
    rules: [],
    settings: { strictRefreshTokens: true },
  },
  'managed-identity-down': {
    says: 'The managed identity endpoint answers 500.',
    rules: [{ service: 'managedIdentity', status: 500, body: '{"statusCode":500,"message":"internal"}' }],
  },
};

/** All names but those of the AADSTS numbers. */
export const faultSetNames: readonly string[] = Object.keys(faultSets);

/** @throws RangeError for an unknown name: a sentence that lists the names. */
export function faultSet(name: string): FaultSet {
  const known = Object.hasOwn(faultSets, name) ? faultSets[name] : undefined;
  if (known !== undefined) return known;
  const number = /^aadsts-(\d+)$/i.exec(name)?.[1];
  if (number !== undefined && aadstsNumbers.includes(Number(number))) {
    return {
      says: `Entra refuses every token with AADSTS${number}.`,
      rules: [{ service: 'entra', path: '/token$', aadsts: Number(number) }],
    };
  }
  throw new RangeError(
    `There is no fault set "${name}". Known are ${faultSetNames.join(', ')}, and aadsts-NUMBER for each AADSTS number.`,
  );
}
