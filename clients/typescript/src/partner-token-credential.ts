import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { BrokerRequestError } from './broker-request-error.ts';
import { type Order, orderOf, type ResourceNames, standardResources } from './scopes.ts';
import { type Clock, type Fetch, requestToken, type TokenAnswer } from './token-request.ts';

export interface PartnerTokenCredentialOptions {
  /** Address of the broker's function app, without `/api`: `https://NAME.azurewebsites.net`. */
  readonly brokerUrl: string;
  /** App ID URI of the broker's application with `/.default`: what the caller's own token is for. */
  readonly brokerScope: string;
  /** Who asks: a managed identity or whatever `@azure/identity` offers. It needs the app role Tokens.Request. */
  readonly callerCredential: TokenCredential;
  /** The customer tenant: its id, or a domain that the broker's directory lists. */
  readonly tenant: string;
  /** For the partner's service account (`delegated`, the default) or for the application itself. */
  readonly grant?: 'delegated' | 'application';
  /** Resources beyond the standard ones: address or identifier → the broker's alias. */
  readonly resources?: ResourceNames;
  /** How long a token must live when it is handed out, seconds, 0 to 3,000; 300 unless said. */
  readonly minimumLifetimeSeconds?: number;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
}

/** A broker that is asked to wait longer than this is not waited for. */
const longestWaitSeconds = 30;
const mostAttempts = 3;

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

/**
 * Tokens for one customer tenant, from the broker, for any SDK that takes a TokenCredential. A token is kept in memory
 * until it no longer lives long enough; concurrent requests share one. Continuous access evaluation is not asked for:
 * the broker decides about its tokens' life.
 */
export class PartnerTokenCredential implements TokenCredential {
  readonly #options: PartnerTokenCredentialOptions;
  readonly #url: string;
  readonly #resources: ResourceNames;
  readonly #minimumLifetimeSeconds: number;
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #kept = new Map<string, TokenAnswer>();
  readonly #pending = new Map<string, Promise<TokenAnswer>>();

  /** @throws TypeError that names the option that is wrong. */
  constructor(options: PartnerTokenCredentialOptions) {
    this.#options = options;
    this.#url = tokensUrl(options.brokerUrl);
    if (options.tenant === '') throw new TypeError('tenant: is empty; give the id or a domain of the customer tenant.');
    if (options.brokerScope === '') throw new TypeError('brokerScope: is empty; it is api://…/.default.');
    this.#resources = { ...standardResources, ...options.resources };
    this.#minimumLifetimeSeconds = options.minimumLifetimeSeconds ?? 300;
    this.#fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @throws TypeError for scopes that do not make one order.
   * @throws BrokerRequestError when the broker hands out no token.
   */
  async getToken(scopes: string | string[], options: GetTokenOptions = {}): Promise<AccessToken> {
    const order = orderOf(scopes, this.#resources);
    const key = JSON.stringify(order);
    const kept = this.#kept.get(key);
    // Claims are a resource's objection to the token that it was sent: that one must not come again from here.
    const usable = kept !== undefined && options.claims === undefined && this.#livesLongEnough(kept);
    const answer = usable ? kept : await orAborted(this.#share(key, order), options.abortSignal);
    const { tenantId } = options;
    if (isGuid(tenantId) && tenantId.toLowerCase() !== answer.tenantId) {
      throw new BrokerRequestError(
        `A token for the tenant ${tenantId} is asked for, but this credential is for ${answer.tenantId}.`,
        { code: 'tenant_mismatch' },
      );
    }
    return { token: answer.accessToken, expiresOnTimestamp: answer.expiresAtMs, tokenType: 'Bearer' };
  }

  #livesLongEnough({ expiresAtMs }: TokenAnswer): boolean {
    return expiresAtMs - this.#clock.nowMs() > this.#minimumLifetimeSeconds * 1000;
  }

  /** One request for all who ask for the same at the same time; whoever aborts leaves it to the others. */
  #share(key: string, order: Order): Promise<TokenAnswer> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const request = this.#ask(order)
      .then((answer) => {
        this.#kept.set(key, answer);
        return answer;
      })
      .finally(() => this.#pending.delete(key));
    this.#pending.set(key, request);
    return request;
  }

  async #ask(order: Order): Promise<TokenAnswer> {
    const { callerCredential, brokerScope, tenant, grant = 'delegated' } = this.#options;
    const platform = { fetch: this.#fetch, clock: this.#clock };
    const body = { tenant, grant, minimumLifetimeSeconds: this.#minimumLifetimeSeconds, ...order };
    for (let attempt = 1; ; attempt += 1) {
      const caller = await callerCredential.getToken(brokerScope);
      if (caller === null) throw new BrokerRequestError('The caller has no token of its own.', { code: 'no_caller' });
      try {
        return await requestToken(platform, this.#url, caller.token, body);
      } catch (error) {
        const wait = error instanceof BrokerRequestError ? error.retryAfterSeconds : undefined;
        if (wait === undefined || wait > longestWaitSeconds || attempt === mostAttempts) throw error;
        await this.#clock.sleep(wait * 1000);
      }
    }
  }
}

/** The result, or a rejection as soon as the signal is aborted. */
async function orAborted<T>(result: Promise<T>, signal: GetTokenOptions['abortSignal']): Promise<T> {
  if (signal === undefined) return result;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(new DOMException('The request for a token was aborted.', 'AbortError'));
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
    throw new TypeError('brokerUrl: is not an https address; it is like https://NAME.azurewebsites.net.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}/api/tokens`;
}
