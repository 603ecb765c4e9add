import {
  authorizationCodeGrantRequest,
  type AuthorizationServer,
  calculatePKCECodeChallenge,
  type Client,
  clockTolerance,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  getValidatedIdTokenClaims,
  None,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from 'oauth4webapi';
import type { SignInAnswer } from '../../src/lib/api/answers/shared.ts';
import { authorizationServer } from '../../src/lib/microsoft/authorization-server.ts';
import { noAnswer, SignInProblem, signInProblem } from './sign-in-problem.ts';

/** What Microsoft issued. It stays in the memory of the page. */
export interface Tokens {
  readonly accessToken: string;
  /** Absent if Microsoft issued none: the session then ends with the access token. */
  readonly refreshToken: string | undefined;
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
  /** The user principal name. Absent after a renewal. */
  readonly account: string | undefined;
}

/** The values of a sign-in that only this tab knows, while the person is at Microsoft's page. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** Signs a person in with an authorization code and PKCE (RFC 7636). Every method rejects with a SignInProblem. */
export interface MicrosoftSignIn {
  /** Resolves if Microsoft answers, so that the page is not left for an error page of the browser. */
  readonly reachable: () => Promise<void>;
  /**
   * @param account signs this account in without a page, or fails with `ended`. Absent: the person chooses an account.
   * @returns the address to go to, and what `finish` needs.
   */
  readonly start: (account?: string) => Promise<{ readonly url: string; readonly pending: PendingSignIn }>;
  /** Redeems the code that Microsoft returned. */
  readonly finish: (pending: PendingSignIn, returned: URLSearchParams) => Promise<Tokens>;
  readonly renew: (refreshToken: string) => Promise<Tokens>;
  /** The address that ends the session at Microsoft, and comes back. */
  readonly signOutUrl: () => string;
}

const timeoutMs = 20_000;
/** The clock of this machine may be wrong by this much. */
const toleranceSeconds = 300;

/** The parties of a sign-in, and what the page asks for. */
interface Parties {
  readonly as: AuthorizationServer;
  readonly client: Client;
  readonly scope: string;
  /** The address of this page, as it is registered. */
  readonly redirectUri: string;
  readonly nowMs: () => number;
}

/** @param redirectUri the address of this page, as it is registered. */
export function createMicrosoftSignIn(
  settings: SignInAnswer,
  redirectUri: string,
  nowMs: () => number = Date.now,
): MicrosoftSignIn {
  const parties: Parties = {
    as: authorizationServer(settings.entraEndpoint, settings.tenantId),
    client: { client_id: settings.clientId, [clockTolerance]: toleranceSeconds },
    scope: ['openid', 'profile', 'offline_access', settings.scope].join(' '),
    redirectUri,
    nowMs,
  };
  return {
    reachable: () => explained(settings, () => reach(parties)),
    start: (account) => explained(settings, () => start(parties, account)),
    finish: (pending, returned) => explained(settings, () => finish(parties, pending, returned)),
    renew: (refreshToken) => explained(settings, () => renew(parties, refreshToken)),
    signOutUrl: () => {
      const url = new URL(parties.as.end_session_endpoint ?? '');
      url.searchParams.set('post_logout_redirect_uri', redirectUri);
      return url.href;
    },
  };
}

const request = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(timeoutMs) });

async function reach({ as }: Parties): Promise<void> {
  const { ok } = await fetch(`${as.issuer}/.well-known/openid-configuration`, request());
  if (!ok) throw noAnswer();
}

async function start(
  { as, client, scope, redirectUri }: Parties,
  account: string | undefined,
): Promise<{ readonly url: string; readonly pending: PendingSignIn }> {
  const pending = {
    state: generateRandomState(),
    nonce: generateRandomNonce(),
    codeVerifier: generateRandomCodeVerifier(),
  };
  const url = new URL(as.authorization_endpoint ?? '');
  const parameters = {
    client_id: client.client_id,
    response_type: 'code',
    // A fragment stays in the browser, so that no log of the function app has the code.
    response_mode: 'fragment',
    redirect_uri: redirectUri,
    scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await calculatePKCECodeChallenge(pending.codeVerifier),
    code_challenge_method: 'S256',
    ...(account === undefined ? { prompt: 'select_account' } : { prompt: 'none', login_hint: account }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, pending };
}

async function finish(
  { as, client, redirectUri, nowMs }: Parties,
  pending: PendingSignIn,
  returned: URLSearchParams,
): Promise<Tokens> {
  const parameters = validateAuthResponse(as, client, returned, pending.state);
  const sentAtMs = nowMs();
  const response = await authorizationCodeGrantRequest(
    as,
    client,
    None(),
    parameters,
    redirectUri,
    pending.codeVerifier,
    request(),
  );
  const expected = { expectedNonce: pending.nonce, requireIdToken: true };
  return tokensOf(await processAuthorizationCodeResponse(as, client, response, expected), sentAtMs);
}

async function renew({ as, client, scope, nowMs }: Parties, refreshToken: string): Promise<Tokens> {
  const sentAtMs = nowMs();
  // Without a scope, Entra issues a token for Microsoft Graph.
  const options = { additionalParameters: { scope }, ...request() };
  const response = await refreshTokenGrantRequest(as, client, None(), refreshToken, options);
  const tokens = tokensOf(await processRefreshTokenResponse(as, client, response), sentAtMs);
  return { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken };
}

/** @throws SignInProblem without a lifetime, which RFC 6749 only recommends: nobody could tell when to renew the token. */
function tokensOf(response: TokenEndpointResponse, sentAtMs: number): Tokens {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds = 0 } = response;
  if (seconds <= 0)
    throw new SignInProblem('refused', 'Microsoft issued a token without a lifetime.', 'Try to sign in again later.');
  return {
    accessToken,
    refreshToken,
    receivedAtMs: sentAtMs,
    expiresAtMs: sentAtMs + seconds * 1000,
    account: accountOf(response),
  };
}

function accountOf(response: TokenEndpointResponse): string | undefined {
  const name =
    response.id_token === undefined ? undefined : getValidatedIdTokenClaims(response)?.['preferred_username'];
  return typeof name === 'string' ? name : undefined;
}

async function explained<T>(settings: SignInAnswer, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw signInProblem(thrown, settings);
  }
}
