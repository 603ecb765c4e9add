import { createPrivateKey } from 'node:crypto';
import type { AuthorizationServer, Client, ClientAuth, DeviceAuthorizationResponse } from 'oauth4webapi';
import type { Clock } from '../../lib/core/clock.ts';
import { BrokerError, type CodedError, SetupError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { type Fetch, outboundFailure, type OutboundReply, send } from '../../lib/core/outbound.ts';
import { asObject, textOf } from '../../lib/core/objects.ts';
import type { ClientCredential, Secret } from '../../lib/core/secrets.ts';
import { aadstsMeanings } from '../../lib/microsoft/aadsts.ts';
import { authorizationServer, type OAuthLibrary } from '../../lib/microsoft/authorization-server.ts';
import { type EntraFailure, errorOf, judgeTokenReply, type RedeemedToken } from '../../lib/microsoft/token-reply.ts';

/** RFC 7523 section 2.2: the client authenticates with a signed JWT. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * How an application authenticates at the token endpoint. A public client has no credential.
 * @throws DOMException if the private key of a certificate is not an RSA key.
 */
async function clientAuthentication(
  oauth: OAuthLibrary,
  { federatedAssertion }: Pick<SignInClientDeps, 'federatedAssertion'>,
  credential: ClientCredential | undefined,
): Promise<ClientAuth> {
  switch (credential?.kind) {
    case undefined:
      return oauth.None();
    case 'secret':
      return oauth.ClientSecretPost(credential.secret.reveal());
    case 'certificate':
      return certificateAuthentication(oauth, credential);
    case 'federated':
      return async (_server, client, body) => {
        body.set('client_id', client.client_id);
        body.set('client_assertion_type', assertionType);
        body.set('client_assertion', await federatedAssertion());
      };
  }
}

/** "Microsoft identity platform application authentication certificate credentials": PS256, with the thumbprint in `x5t#S256`. */
async function certificateAuthentication(
  oauth: OAuthLibrary,
  credential: Extract<ClientCredential, { kind: 'certificate' }>,
): Promise<ClientAuth> {
  const der = createPrivateKey(credential.privateKey.reveal()).export({ type: 'pkcs8', format: 'der' });
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']);
  const thumbprint = Buffer.from(credential.thumbprintSha256, 'hex').toString('base64url');
  return (server, client, body, headers) =>
    oauth.PrivateKeyJwt(key, {
      [oauth.modifyAssertion]: (header, payload) => {
        header['x5t#S256'] = thumbprint;
        // The library sets the issuer. Entra requires the address of the token endpoint.
        payload['aud'] = server.token_endpoint ?? server.issuer;
      },
    })(server, client, body, headers);
}

/** The cause by OAuth error (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5), if the person can act on it. */
const refusals: Readonly<Record<string, string>> = {
  access_denied: 'The sign-in was cancelled, or the consent was declined.',
  authorization_declined: 'The sign-in was declined on the other device.',
  expired_token: 'The code expired before anyone signed in with it.',
  bad_verification_code: 'Entra no longer accepts the device code.',
  login_required: 'Entra requires the account to sign in again.',
};

/**
 * Converts a failed sign-in to a coded error. A failure that the person did not cause (wrong client secret, Entra down)
 * keeps its own code.
 */
export function signInFailure(thrown: unknown, failure: EntraFailure | undefined): CodedError {
  const options = { cause: thrown, logFields: failure?.logFields };
  // The redirect may carry the error, with the AADSTS number in its description.
  const description = textOf(asObject(thrown), 'error_description');
  const number = /AADSTS(\d{3,9})/.exec(description ?? '')?.[1];
  const meaning = number === undefined ? undefined : aadstsMeanings.get(Number(number))?.meaning;
  if (meaning !== undefined)
    return new SetupError('sign_in_refused', `${meaning.slice(0, -1)} (AADSTS${number}).`, options);
  const oauthError = failure?.logFields['entraError'] ?? textOf(asObject(thrown), 'error');
  const refusal = typeof oauthError === 'string' ? refusals[oauthError] : undefined;
  if (refusal !== undefined) return new SetupError('sign_in_refused', refusal, options);
  if (thrown instanceof BrokerError) return asSignIn(thrown);
  if (oauthError !== undefined) {
    const named = number === undefined ? '' : ` (AADSTS${number})`;
    return new SetupError('sign_in_refused', `Entra answered the sign-in with ${String(oauthError)}${named}.`, options);
  }
  if (textOf(asObject(thrown), 'code') === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED')
    return new SetupError(
      'sign_in_refused',
      'The clock of this machine differs from that of Entra by more than 5 minutes. Correct it and sign in again.',
      options,
    );
  return new SetupError('sign_in_refused', "Entra's reply does not belong to this sign-in and was discarded.", options);
}

/** Replaces codes whose title and advice concern redemption: during a sign-in, the person can correct the cause. */
function asSignIn(error: BrokerError): CodedError {
  const personal = new Set([
    'interaction_required',
    'blocked_by_policy',
    'credential_revoked',
    'credential_expired',
    'consent_required',
  ]);
  if (!personal.has(error.code)) return error;
  return new SetupError('sign_in_refused', error.detail, { cause: error, logFields: error.logFields });
}

const timeoutMs = 30_000;
const maxReplyBytes = 256 * 1024;

interface SignInExchangeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** One exchange with Entra. oauth4webapi sends its request through `fetch`. The exchange keeps the unchanged reply. */
export class SignInExchange {
  readonly #deps: SignInExchangeDeps;
  readonly #signal: AbortSignal | undefined;
  #reply: OutboundReply | undefined;
  #sentAtMs = 0;

  constructor(deps: SignInExchangeDeps, signal: AbortSignal | undefined) {
    this.#deps = deps;
    this.#signal = signal;
  }

  readonly fetch = async (
    url: string,
    init: { readonly headers: Record<string, string>; readonly body: URLSearchParams },
  ): Promise<Response> => {
    this.#sentAtMs = this.#deps.clock.nowMs();
    const reply = await send(this.#deps.fetch, {
      method: 'POST',
      url,
      headers: { ...init.headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: init.body.toString(),
      timeoutMs,
      maxBodyBytes: maxReplyBytes,
      signal: this.#signal,
    }).catch((error: unknown): never => {
      throw outboundFailure(error, 'entra_unavailable', 'Entra');
    });
    this.#reply = reply;
    return new Response(reply.body, { status: reply.status, headers: reply.headers });
  };

  get #judged() {
    return this.#reply && judgeTokenReply(this.#reply, this.#sentAtMs);
  }

  /** Why Entra issued no token. Undefined if it issued one or if no reply arrived. */
  get failure(): EntraFailure | undefined {
    return this.#judged?.ok === false ? this.#judged.failure : undefined;
  }

  /** The token in the reply. @throws BrokerError if there is none. */
  token(): RedeemedToken {
    const judged = this.#judged;
    if (judged === undefined) throw new BrokerError('entra_unavailable', 'No request was sent to Entra.');
    if (judged.ok) return judged.token;
    throw errorOf(judged.failure);
  }
}

export interface SignInClientDeps extends SignInExchangeDeps {
  readonly loadOAuth: () => Promise<OAuthLibrary>;
  /** The assertion of a federated credential: the managed identity's token for `api://AzureADTokenExchange`. */
  readonly federatedAssertion: () => Promise<string>;
}

/** The application, the tenant and the scopes of a sign-in. */
export interface SignInRequest {
  readonly tenantId: TenantId;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientCredential: ClientCredential | undefined;
  /** Without `openid`, which the client adds: the nonce in the id token ties the reply to this sign-in. */
  readonly scopes: readonly string[];
  /** User principal name that the sign-in page suggests. */
  readonly account?: string | undefined;
}

/** A sign-in in progress: the address for the browser, and the values that only the client knows. */
export interface BrowserSignIn {
  readonly authorizeUrl: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** The values that a person needs to sign in on another device. */
export interface DeviceCode {
  readonly userCode: string;
  readonly verificationUri: string;
  readonly expiresInSeconds: number;
}

/**
 * Signs a person in, with an authorization code and PKCE (RFC 7636) or with a device code (RFC 8628). oauth4webapi
 * implements the protocol and its checks. `judgeTokenReply` interprets the replies, as it does for redemptions.
 */
export class SignInClient {
  readonly #deps: SignInClientDeps;
  readonly #request: SignInRequest;
  readonly #oauth: OAuthLibrary;
  /** What every request of the library takes. */
  readonly #parties: readonly [AuthorizationServer, Client, ClientAuth];

  private constructor(
    deps: SignInClientDeps,
    request: SignInRequest,
    oauth: OAuthLibrary,
    [server, authentication]: readonly [AuthorizationServer, ClientAuth],
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#oauth = oauth;
    const client = {
      client_id: request.clientId,
      // The library reads the machine's clock, which may differ from `deps.clock` and may be wrong by minutes.
      [oauth.clockSkew]: Math.round((deps.clock.nowMs() - Date.now()) / 1000),
      [oauth.clockTolerance]: 300,
    };
    this.#parties = [server, client, authentication];
  }

  /** @throws DOMException if the private key of a certificate is not an RSA key. */
  static async create(deps: SignInClientDeps, entraEndpoint: string, request: SignInRequest): Promise<SignInClient> {
    const oauth = await deps.loadOAuth();
    const authentication = await clientAuthentication(oauth, deps, request.clientCredential);
    return new SignInClient(deps, request, oauth, [
      authorizationServer(entraEndpoint, request.tenantId),
      authentication,
    ]);
  }

  get #scope(): string {
    return ['openid', 'profile', ...this.#request.scopes].join(' ');
  }

  /** @param redirectUri the address that receives the code, `http://localhost:PORT`. */
  async startBrowser(redirectUri: string): Promise<BrowserSignIn> {
    const codeVerifier = this.#oauth.generateRandomCodeVerifier();
    const state = this.#oauth.generateRandomState();
    const nonce = this.#oauth.generateRandomNonce();
    const url = new URL(this.#parties[0].authorization_endpoint ?? '');
    const { account, clientId } = this.#request;
    const parameters: Record<string, string> = {
      client_id: clientId,
      response_type: 'code',
      response_mode: 'query',
      redirect_uri: redirectUri,
      scope: this.#scope,
      state,
      nonce,
      code_challenge: await this.#oauth.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      // The browser may have a session of another account, or one without MFA.
      ...(account === undefined ? { prompt: 'select_account' } : { prompt: 'login', login_hint: account }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { authorizeUrl: url.href, redirectUri, state, nonce, codeVerifier };
  }

  /**
   * Redeems the code from the redirect.
   * @throws SetupError sign_in_refused; BrokerError for failures that the person did not cause, such as
   * client_credential_rejected or entra_unavailable.
   */
  async finishBrowser(signIn: BrowserSignIn, callback: URLSearchParams, signal?: AbortSignal): Promise<RedeemedToken> {
    const oauth = this.#oauth;
    const [server, client] = this.#parties;
    const { redirectUri, codeVerifier, state, nonce } = signIn;
    return this.#exchange(signal, async (exchange, options) => {
      const parameters = oauth.validateAuthResponse(server, client, callback, state);
      const code = [parameters, redirectUri, codeVerifier] as const;
      const response = await oauth.authorizationCodeGrantRequest(...this.#parties, ...code, options);
      const token = exchange.token();
      const expectations = { expectedNonce: nonce, requireIdToken: true };
      await oauth.processAuthorizationCodeResponse(server, client, response, expectations);
      return token;
    });
  }

  /** @throws BrokerError if Entra does not start a device code flow for this application. */
  async startDevice(signal?: AbortSignal) {
    const oauth = this.#oauth;
    const [server, client] = this.#parties;
    return this.#exchange(signal, async (exchange, options) => {
      const response = await oauth.deviceAuthorizationRequest(...this.#parties, { scope: this.#scope }, options);
      if (response.status !== 200) exchange.token();
      const grant = await oauth.processDeviceAuthorizationResponse(server, client, response);
      const { user_code: userCode, verification_uri: verificationUri, expires_in: expiresInSeconds } = grant;
      return { grant, code: { userCode, verificationUri, expiresInSeconds } };
    });
  }

  /**
   * Polls until the person has signed in on the other device.
   * @throws SetupError sign_in_refused if the person declines or the code expires; BrokerError as `finishBrowser` does; the
   * reason of the signal.
   */
  async finishDevice(grant: DeviceAuthorizationResponse, signal?: AbortSignal): Promise<RedeemedToken> {
    const { clock } = this.#deps;
    const oauth = this.#oauth;
    const [server, client] = this.#parties;
    const endMs = clock.nowMs() + grant.expires_in * 1000;
    // RFC 8628 section 3.5: 5 seconds by default, 5 more after each slow_down.
    let intervalMs = (grant.interval ?? 5) * 1000;
    while (clock.nowMs() < endMs) {
      await clock.sleep(intervalMs, signal);
      const exchange = new SignInExchange(this.#deps, signal);
      try {
        const options = { [oauth.customFetch]: exchange.fetch };
        const response = await oauth.deviceCodeGrantRequest(...this.#parties, grant.device_code, options);
        const token = exchange.token();
        await oauth.processDeviceCodeResponse(server, client, response);
        return token;
      } catch (error) {
        const entraError = exchange.failure?.logFields['entraError'];
        const isTransient = error instanceof BrokerError && error.transient;
        // RFC 8628 section 3.5: poll less often after a connection timeout, and continue.
        if (entraError === 'slow_down' || isTransient) intervalMs += 5_000;
        else if (entraError !== 'authorization_pending') throw signInFailure(error, exchange.failure);
      }
    }
    throw new SetupError('sign_in_refused', 'The code expired before anyone signed in with it.');
  }

  /**
   * Gets a new token with the refresh token of an earlier sign-in.
   * @throws SetupError sign_in_refused if the person has to sign in again; BrokerError as `finishBrowser` does.
   */
  async refresh(refreshToken: Secret, signal?: AbortSignal): Promise<RedeemedToken> {
    const oauth = this.#oauth;
    const [server, client] = this.#parties;
    return this.#exchange(signal, async (exchange, options) => {
      // Without a scope, Entra issues a token for Microsoft Graph.
      const withScope = { ...options, additionalParameters: { scope: this.#scope } };
      const response = await oauth.refreshTokenGrantRequest(...this.#parties, refreshToken.reveal(), withScope);
      const token = exchange.token();
      await oauth.processRefreshTokenResponse(server, client, response);
      return token;
    });
  }

  /** @param work gets the exchange, and the options of the library with which it sends its request. */
  async #exchange<T>(
    signal: AbortSignal | undefined,
    work: (
      exchange: SignInExchange,
      options: Record<OAuthLibrary['customFetch'], SignInExchange['fetch']>,
    ) => Promise<T>,
  ): Promise<T> {
    const exchange = new SignInExchange(this.#deps, signal);
    try {
      return await work(exchange, { [this.#oauth.customFetch]: exchange.fetch });
    } catch (error) {
      throw signInFailure(error, exchange.failure);
    }
  }
}
