import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { BrokerRequestError } from './broker-request-error.ts';
import { type Order, parseScopes, type ResourceNames, standardResources } from './scopes.ts';
import { type Clock, type Fetch, requestToken, type TokenAnswer } from './token-request.ts';

export interface PartnerTokenCredentialOptions {
  /** URL of the broker's function app, for example `https://NAME.azurewebsites.net`. A trailing `/api` is optional. */
  readonly brokerUrl: string;
  /** App ID URI of the broker's own application with `/.default`. The caller's token is requested for this scope. */
  readonly brokerScope: string;
  /** Credential of the caller, for example a managed identity from `@azure/identity`. It needs the app role Tokens.Request. */
  readonly callerCredential: TokenCredential;
  /** The customer tenant: its id, or a domain in the broker's directory. */
  readonly tenant: string;
  /** `delegated` (default): in the name of the partner's service account. `application`: in the name of the application. */
  readonly grant?: 'delegated' | 'application';
  /** Additional resources: URL or identifier → alias in the broker. */
  readonly resources?: ResourceNames;
  /** Minimum remaining lifetime of a returned token in seconds, 0 to 3,000. Default: 300. */
  readonly minimumLifetimeSeconds?: number;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
}

/** A longer Retry-After is not waited for. */
const maxWaitSeconds = 30;
const maxAttempts = 3;

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

/**
 * Gets tokens for one customer tenant from the broker, for SDKs that accept a TokenCredential. Tokens are cached in memory
 * while their remaining lifetime is sufficient. Concurrent requests share one call. Continuous access evaluation is not
 * requested: the broker decides about the lifetime of tokens.
 */
export class PartnerTokenCredential implements TokenCredential {
  readonly #options: PartnerTokenCredentialOptions;
  readonly #url: string;
  readonly #resources: ResourceNames;
  readonly #minimumLifetimeSeconds: number;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #cache = new Map<string, TokenAnswer>();
  readonly #pending = new Map<string, Promise<TokenAnswer>>();

  /** @throws TypeError that names the invalid option. */
  constructor(options: PartnerTokenCredentialOptions) {
    this.#options = options;
    this.#url = tokensUrl(options.brokerUrl);
    if (options.tenant === '') throw new TypeError('tenant: is empty. Set the id or a domain of the customer tenant.');
    if (options.brokerScope === '')
      throw new TypeError(
        'brokerScope: is empty. Set the App ID URI of the broker with /.default, for example api://TENANT_ID/partner-token-broker-prod/.default.',
      );
    this.#resources = { ...standardResources, ...options.resources };
    this.#minimumLifetimeSeconds = options.minimumLifetimeSeconds ?? 300;
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @throws TypeError for scopes that do not name exactly one known resource.
   * @throws BrokerRequestError if the broker issues no token.
   */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    const order = parseScopes(scopes, this.#resources);
    const key = JSON.stringify(order);
    const cached = this.#cache.get(key);
    // A resource sends claims when it rejects a token. The cached token may be the rejected one.
    const usable = cached !== undefined && options.claims === undefined && this.#livesLongEnough(cached);
    const answer = usable ? cached : await orAborted(this.#share(key, order), options.abortSignal);
    const { tenantId } = options;
    if (isGuid(tenantId) && tenantId.toLowerCase() !== answer.tenantId) {
      throw new BrokerRequestError(
        `This credential is for the tenant ${answer.tenantId}, but a token for the tenant ${tenantId} was requested.`,
        { code: 'tenant_mismatch' },
      );
    }
    return { token: answer.accessToken, expiresOnTimestamp: answer.expiresAtMs, tokenType: 'Bearer' };
  }

  #livesLongEnough({ expiresAtMs }: TokenAnswer): boolean {
    return expiresAtMs - this.#clock.nowMs() > this.#minimumLifetimeSeconds * 1000;
  }

  /** Shares one request among concurrent callers. A caller that aborts does not cancel it for the others. */
  #share(key: string, order: Order): Promise<TokenAnswer> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const request = this.#request(order)
      .then((answer) => {
        this.#cache.set(key, answer);
        return answer;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, request);
    return request;
  }

  async #request(order: Order): Promise<TokenAnswer> {
    const { callerCredential, brokerScope, tenant, grant = 'delegated' } = this.#options;
    const platform = { fetch: this.#fetch, clock: this.#clock };
    const body = { tenant, grant, minimumLifetimeSeconds: this.#minimumLifetimeSeconds, ...order };
    for (let attempt = 1; ; attempt += 1) {
      const caller = await callerCredential.getToken(brokerScope);
      if (caller === null)
        throw new BrokerRequestError('The caller credential returned no token.', { code: 'no_caller' });
      try {
        return await requestToken(platform, this.#url, caller.token, body);
      } catch (error) {
        const wait = error instanceof BrokerRequestError ? error.retryAfterSeconds : undefined;
        if (wait === undefined || wait > maxWaitSeconds || attempt === maxAttempts) throw error;
        await this.#clock.sleep(wait * 1000);
      }
    }
  }
}

/** Resolves with `result`. @throws DOMException AbortError as soon as the signal is aborted. */
async function orAborted<T>(result: Promise<T>, signal: GetTokenOptions['abortSignal']): Promise<T> {
  if (signal === undefined) return result;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(new DOMException('The token request was aborted.', 'AbortError'));
  });
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([result, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const isGuid = (text: string | undefined): text is string =>
  text !== undefined && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

function tokensUrl(brokerUrl: string): string {
  const url = URL.canParse(brokerUrl) ? new URL(brokerUrl) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !loopback.test(url.hostname))) {
    throw new TypeError('brokerUrl: is not an https URL. Set it to a URL such as https://NAME.azurewebsites.net.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}/api/tokens`;
}
