import { BrokerConnection, type BrokerConnectionOptions } from './broker-connection.ts';
import { BrokerRequestError } from './broker-request-error.ts';
import { failure, parseObject, pendingApproval } from './broker-exchange.ts';
import { failureOf, isBrokerFailure, sendThroughGateway, unexpectedAnswer } from './gateway-exchange.ts';

/** The caller needs the app role Requests.Send and a rule of the access policy with `"via": ["gateway"]`. */
export interface GatewayClientOptions extends BrokerConnectionOptions {
  /** The customer tenant: its id, or a domain in the broker's directory. */
  readonly tenant: string;
  /** Alias of the resource in the broker. Default: `graph`. */
  readonly resource?: string;
}

export type GatewayMethod = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

export interface GatewayRequestOptions {
  /** Only the headers that the broker forwards have an effect, such as `ConsistencyLevel`, `Prefer` and `If-Match`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. A string or bytes are sent as they are: set `content-type`. At most 4 MiB. */
  readonly body?: object | string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

/** A longer Retry-After is not waited for. */
const maxWaitSeconds = 30;
const maxAttempts = 3;

/**
 * Sends requests to Microsoft Graph, or to another resource of the broker, in one customer tenant. The broker sends them with
 * its own token, which this client never receives.
 */
export class GatewayClient {
  /** Address of the gateway for the tenant and the resource, without a trailing slash. SDKs use it as their base URL. */
  readonly baseUrl: string;
  readonly #connection: BrokerConnection;

  /** @throws TypeError that names the invalid option. */
  constructor(options: GatewayClientOptions) {
    const { tenant, resource = 'graph' } = options;
    if (tenant === '') throw new TypeError('tenant: is empty. Set the id or a domain of the customer tenant.');
    if (resource === '') throw new TypeError('resource: is empty. Set an alias of the broker, for example graph.');
    this.#connection = new BrokerConnection(options);
    const { apiUrl } = this.#connection;
    this.baseUrl = `${apiUrl}gateway/${encodeURIComponent(tenant)}/${encodeURIComponent(resource)}`;
  }

  /**
   * Sends one request. Redirects are returned and not followed. A request that the broker refused because there were too many
   * is repeated after the time that the broker asks for, if that is at most 30 seconds; at most three attempts.
   *
   * @param path Path at the resource, for Graph with its version: `/v1.0/users?$top=5`. Or a link of an earlier answer.
   * @returns the answer of the resource, complete. Its status is below 400.
   * @throws TypeError for a path that leads elsewhere.
   * @throws BrokerRequestError with a code of the broker if it refused the request, `approval_pending` if other people have to
   * approve it first, or `resource_refused` if the resource refused it.
   */
  async request(method: GatewayMethod, path: string, options: GatewayRequestOptions = {}): Promise<Response> {
    const { body, headers = {}, signal } = options;
    const isJson = typeof body === 'object' && !(body instanceof Uint8Array);
    const init: RequestInit = {
      method,
      headers: isJson ? { 'content-type': 'application/json', ...headers } : headers,
      ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : body }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await this.fetch(this.#addressOf(path), init);
    if (response.status < 400) return response;
    throw failureOf(response, parseObject(await response.text()));
  }

  /**
   * Reads one object or one page.
   * @typeParam T type of the answer. It is not verified.
   * @throws BrokerRequestError as `request` does, and `unexpected` if the answer is not JSON.
   */
  async get<T = unknown>(path: string, options: Omit<GatewayRequestOptions, 'body'> = {}): Promise<T> {
    const response = await this.request('GET', path, options);
    return (await jsonOf(response)) as T;
  }

  /**
   * Reads a collection page by page. The next page is requested when the page before it has been used.
   * @typeParam T type of an entry. It is not verified.
   * @returns the entries of each page (`value`).
   * @throws BrokerRequestError, while iterating, as `get` does.
   */
  async *pages<T = unknown>(
    path: string,
    options: Omit<GatewayRequestOptions, 'body'> = {},
  ): AsyncGenerator<readonly T[], void, undefined> {
    let next: string | undefined = path;
    while (next !== undefined) {
      const page: { readonly value?: unknown; readonly '@odata.nextLink'?: unknown } = await this.get(next, options);
      if (!Array.isArray(page.value)) throw unexpectedAnswer('The response is not a page of a collection.');
      yield page.value as readonly T[];
      const link = page['@odata.nextLink'];
      next = link === undefined ? undefined : this.#nextLink(link, next);
    }
  }

  /**
   * Same as the `fetch` of the platform, but sends the caller's token, and only to the gateway. For SDKs. Answers with an error
   * are returned.
   * @throws TypeError for another address; BrokerRequestError `network`, `no_caller` or `approval_pending`.
   */
  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    this.#refuseOthers(url);
    for (let attempt = 1; ; attempt += 1) {
      const response = await sendThroughGateway(this.#connection, url, init);
      // An SDK would take 202 for the answer of the resource, although nothing was sent.
      if (pendingApproval(response) !== undefined) throw failure(response, parseObject(await response.text()));
      if (response.status !== 429 || attempt === maxAttempts || !isBrokerFailure(response)) return response;
      const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
      // The broker did nothing yet. After a body that is a stream, there is nothing left to send.
      if (!(wait <= maxWaitSeconds) || init.body instanceof ReadableStream) return response;
      await this.#connection.clock.sleep(wait * 1000);
    }
  }

  /** The token goes to the gateway of this tenant only. URL parsers resolve dot segments, which could lead elsewhere. */
  #refuseOthers(url: string): void {
    if (URL.canParse(url) && new URL(url).href.startsWith(`${this.baseUrl}/`)) return;
    throw new TypeError('The address does not belong to the gateway of this tenant. Give a path such as /v1.0/users.');
  }

  #addressOf(path: string): string {
    return path.startsWith('/') ? `${this.baseUrl}${path}` : path;
  }

  #nextLink(link: unknown, page: string): string {
    const isOwn = typeof link === 'string' && URL.canParse(link) && new URL(link).href.startsWith(`${this.baseUrl}/`);
    if (isOwn && link !== page) return link;
    throw unexpectedAnswer('The link to the next page does not lead to the gateway of this tenant.');
  }
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.text()) as unknown;
  } catch (cause) {
    throw new BrokerRequestError('The response is not JSON.', { code: 'unexpected', status: response.status, cause });
  }
}
