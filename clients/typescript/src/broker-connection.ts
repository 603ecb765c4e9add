import type { TokenCredential } from '@azure/core-auth';
import { BrokerRequestError } from './broker-request-error.ts';

/** The `fetch` of the platform, or a fake in tests. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The system clock, or a fake in tests. */
export interface Clock {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
}

/** How a caller reaches the broker, and who it is. */
export interface BrokerConnectionOptions {
  /** URL of the broker's function app, for example `https://NAME.azurewebsites.net`. A trailing `/api` is optional. */
  readonly brokerUrl: string;
  /** App ID URI of the broker's own application with `/.default`. The caller's token is requested for this scope. */
  readonly brokerScope: string;
  /** Credential of the caller, for example a managed identity from `@azure/identity`. */
  readonly callerCredential: TokenCredential;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
}

const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
};

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

/** A validated connection to a broker. */
export class BrokerConnection {
  /** Address of the API, with a trailing slash. */
  readonly apiUrl: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly #scope: string;
  readonly #credential: TokenCredential;

  /** @throws TypeError that names the invalid option. */
  constructor(options: BrokerConnectionOptions) {
    this.apiUrl = apiUrl(options.brokerUrl);
    if (options.brokerScope === '')
      throw new TypeError(
        'brokerScope: is empty. Set the App ID URI of the broker with /.default, for example api://TENANT_ID/partner-token-broker-prod/.default.',
      );
    this.#scope = options.brokerScope;
    this.#credential = options.callerCredential;
    this.fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.clock = options.clock ?? systemClock;
  }

  /** @throws BrokerRequestError no_caller if the credential returns no token. */
  async callerToken(): Promise<string> {
    const caller = await this.#credential.getToken(this.#scope);
    if (caller === null)
      throw new BrokerRequestError('The caller credential returned no token.', { code: 'no_caller' });
    return caller.token;
  }
}

function apiUrl(brokerUrl: string): string {
  const url = URL.canParse(brokerUrl) ? new URL(brokerUrl) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && !loopback.test(url.hostname))) {
    throw new TypeError('brokerUrl: is not an https URL. Set it to a URL such as https://NAME.azurewebsites.net.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}/api/`;
}
