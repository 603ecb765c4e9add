import type { AuthorizationServer, Client, ClientAuth, DeviceAuthorizationResponse } from 'oauth4webapi';
import type { ClientCredential } from '../../lib/core/secrets.ts';
import { BrokerError, SetupError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import type { Secret } from '../../lib/core/secret.ts';
import { authorizationServer, type OAuthLibrary } from '../../lib/microsoft/authorization-server.ts';
import { clientAuthentication } from './client-authentication.ts';
import type { RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import { SignInExchange, type SignInExchangeDeps } from './sign-in-exchange.ts';
import { signInFailure } from './sign-in-failure.ts';

export interface SignInClientDeps extends SignInExchangeDeps {
  readonly loadOAuth: () => Promise<OAuthLibrary>;
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

/** The protocol library with the parties of one sign-in. */
interface Protocol {
  readonly oauth: OAuthLibrary;
  readonly server: AuthorizationServer;
  readonly authentication: ClientAuth;
}

/**
 * Signs a person in, with an authorization code and PKCE (RFC 7636) or with a device code (RFC 8628). oauth4webapi
 * implements the protocol and its checks. `judgeTokenReply` interprets the replies, as it does for redemptions.
 */
export class SignInClient {
  readonly #deps: SignInClientDeps;
  readonly #request: SignInRequest;
  readonly #oauth: OAuthLibrary;
  readonly #server: AuthorizationServer;
  readonly #client: Client;
  readonly #authentication: ClientAuth;

  private constructor(deps: SignInClientDeps, request: SignInRequest, { oauth, server, authentication }: Protocol) {
    this.#deps = deps;
    this.#request = request;
    this.#oauth = oauth;
    this.#server = server;
    this.#client = {
      client_id: request.clientId,
      // The library reads the machine's clock, which may differ from `deps.clock` and may be wrong by minutes.
      [oauth.clockSkew]: Math.round((deps.clock.nowMs() - Date.now()) / 1000),
      [oauth.clockTolerance]: 300,
    };
    this.#authentication = authentication;
  }

  /** @throws DOMException if the private key of a certificate is not an RSA key. */
  static async create(deps: SignInClientDeps, entraEndpoint: string, request: SignInRequest): Promise<SignInClient> {
    const oauth = await deps.loadOAuth();
    const server = authorizationServer(entraEndpoint, request.tenantId);
    const authentication = await clientAuthentication({ ...deps, oauth }, request.clientCredential);
    return new SignInClient(deps, request, { oauth, server, authentication });
  }

  get #scope(): string {
    return ['openid', 'profile', ...this.#request.scopes].join(' ');
  }

  /** @param redirectUri the address that receives the code, `http://localhost:PORT`. */
  async startBrowser(redirectUri: string): Promise<BrowserSignIn> {
    const codeVerifier = this.#oauth.generateRandomCodeVerifier();
    const state = this.#oauth.generateRandomState();
    const nonce = this.#oauth.generateRandomNonce();
    const url = new URL(this.#server.authorization_endpoint ?? '');
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
    const exchange = new SignInExchange(this.#deps, signal);
    try {
      const parameters = oauth.validateAuthResponse(this.#server, this.#client, callback, signIn.state);
      const response = await oauth.authorizationCodeGrantRequest(
        this.#server,
        this.#client,
        this.#authentication,
        parameters,
        signIn.redirectUri,
        signIn.codeVerifier,
        { [oauth.customFetch]: exchange.fetch },
      );
      const token = exchange.token();
      const expectations = { expectedNonce: signIn.nonce, requireIdToken: true };
      await oauth.processAuthorizationCodeResponse(this.#server, this.#client, response, expectations);
      return token;
    } catch (error) {
      throw signInFailure(error, exchange.failure);
    }
  }

  /** @throws BrokerError if Entra does not start a device code flow for this application. */
  async startDevice(
    signal?: AbortSignal,
  ): Promise<{ readonly code: DeviceCode; readonly grant: DeviceAuthorizationResponse }> {
    const oauth = this.#oauth;
    const exchange = new SignInExchange(this.#deps, signal);
    try {
      const response = await oauth.deviceAuthorizationRequest(
        this.#server,
        this.#client,
        this.#authentication,
        { scope: this.#scope },
        { [oauth.customFetch]: exchange.fetch },
      );
      if (response.status !== 200) exchange.token();
      const grant = await oauth.processDeviceAuthorizationResponse(this.#server, this.#client, response);
      const { user_code: userCode, verification_uri: verificationUri, expires_in: expiresInSeconds } = grant;
      return { grant, code: { userCode, verificationUri, expiresInSeconds } };
    } catch (error) {
      throw signInFailure(error, exchange.failure);
    }
  }

  /**
   * Polls until the person has signed in on the other device.
   * @throws SetupError sign_in_refused if the person declines or the code expires; BrokerError as `finishBrowser` does; the
   * reason of the signal.
   */
  async finishDevice(grant: DeviceAuthorizationResponse, signal?: AbortSignal): Promise<RedeemedToken> {
    const { clock } = this.#deps;
    const oauth = this.#oauth;
    const endMs = clock.nowMs() + grant.expires_in * 1000;
    // RFC 8628 section 3.5: 5 seconds by default, 5 more after each slow_down.
    let intervalMs = (grant.interval ?? 5) * 1000;
    while (clock.nowMs() < endMs) {
      await clock.sleep(intervalMs, signal);
      const exchange = new SignInExchange(this.#deps, signal);
      try {
        const response = await oauth.deviceCodeGrantRequest(
          this.#server,
          this.#client,
          this.#authentication,
          grant.device_code,
          { [oauth.customFetch]: exchange.fetch },
        );
        const token = exchange.token();
        await oauth.processDeviceCodeResponse(this.#server, this.#client, response);
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
    const exchange = new SignInExchange(this.#deps, signal);
    try {
      const response = await oauth.refreshTokenGrantRequest(
        this.#server,
        this.#client,
        this.#authentication,
        refreshToken.reveal(),
        // Without a scope, Entra issues a token for Microsoft Graph.
        { [oauth.customFetch]: exchange.fetch, additionalParameters: { scope: this.#scope } },
      );
      const token = exchange.token();
      await oauth.processRefreshTokenResponse(this.#server, this.#client, response);
      return token;
    } catch (error) {
      throw signInFailure(error, exchange.failure);
    }
  }
}
