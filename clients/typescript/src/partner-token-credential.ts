import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/core-auth';
import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { type Order, parseScopes, type ResourceNames, standardResources } from './scopes.ts';
import { requestToken, type TokenAnswer } from './token-request.ts';

/** The caller needs the app role Tokens.Request. */
export interface PartnerTokenCredentialOptions extends BrokerConnectionOptions {
  /** The customer tenant: its id, or a domain in the broker's directory. */
  readonly tenant: string;
  /** `delegated` (default): in the name of the partner's service account. `application`: in the name of the application. */
  readonly grant?: 'delegated' | 'application';
  /** Additional resources: URL or identifier → alias in the broker. */
  readonly resources?: ResourceNames;
  /** Minimum remaining lifetime of a returned token in seconds, 0 to 3,000. Default: 300. */
  readonly minimumLifetimeSeconds?: number;
}

/** A longer Retry-After is not waited for. */
const maxWaitSeconds = 30;
const maxAttempts = 3;

/**
 * Gets tokens for one customer tenant from the broker, for SDKs that accept a TokenCredential. Tokens are cached in memory
 * while their remaining lifetime is sufficient. Concurrent requests share one call. Continuous access evaluation is not
 * requested: the broker decides about the lifetime of tokens.
 */
export class PartnerTokenCredential implements TokenCredential {
  readonly #options: PartnerTokenCredentialOptions;
  readonly #connection: BrokerConnection;
  readonly #resources: ResourceNames;
  readonly #minimumLifetimeSeconds: number;
  readonly #cache = new Map<string, TokenAnswer>();
  readonly #pending = new Map<string, Promise<TokenAnswer>>();

  /** @throws TypeError that names the invalid option. */
  constructor(options: PartnerTokenCredentialOptions) {
    this.#options = options;
    this.#connection = new BrokerConnection(options);
    if (options.tenant === '') throw new TypeError('tenant: is empty. Set the id or a domain of the customer tenant.');
    this.#resources = { ...standardResources, ...options.resources };
    this.#minimumLifetimeSeconds = options.minimumLifetimeSeconds ?? 300;
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
    return expiresAtMs - this.#connection.clock.nowMs() > this.#minimumLifetimeSeconds * 1000;
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
    const { tenant, grant = 'delegated' } = this.#options;
    const body = { tenant, grant, minimumLifetimeSeconds: this.#minimumLifetimeSeconds, ...order };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await requestToken(this.#connection, body);
      } catch (error) {
        const wait = attempt < maxAttempts ? secondsUntilNext(error, attempt) : undefined;
        if (wait === undefined) throw error;
        await this.#connection.clock.sleep(wait * 1000);
      }
    }
  }
}

/** Seconds until the next attempt. Undefined: the error is final. */
function secondsUntilNext(error: unknown, attempt: number): number | undefined {
  // People need longer to approve a request than it is repeated here.
  if (!(error instanceof BrokerRequestError) || error.code === 'approval_pending') return undefined;
  // The broker does not know when its audit log can be written again. Until then, no token leaves it.
  const own = error.code === 'audit_unavailable' ? 2 ** (attempt - 1) : undefined;
  const wait = error.retryAfterSeconds ?? own;
  return wait === undefined || wait > maxWaitSeconds ? undefined : wait;
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
