import { BrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { asObject, type JsonObject, textOf } from '../core/objects.ts';
import { type BatchReply, readBatch } from './batch.ts';
import { below, type Binding, exchange, type ExchangeDeps } from './exchange.ts';
import { itemsOf, pages, type Shape, shaped, valueOf } from './reply.ts';

/** Parameters of a cmdlet by name. */
type CmdletParameters = Readonly<Record<string, string | number | boolean | readonly string[]>>;

interface CmdletOptions {
  /** Properties of the objects. Absent: all, up to 10 kB for a mailbox. */
  readonly select?: readonly string[];
}

/** One cmdlet of a batch. */
interface CmdletRequest {
  readonly id: string;
  readonly cmdlet: string;
  readonly parameters?: CmdletParameters;
}

/**
 * Reads Exchange Online in one tenant by cmdlets. A throttled request is sent again, up to four attempts in total. Every
 * failure is a BrokerError (see reply.ts): `access_denied` if the roles of the account do not allow the cmdlet, `job_failed` for
 * a wrong parameter and an object that does not exist, whose `logFields.status` is 404. The token of a tenant without Exchange
 * is refused with `resource_unavailable`.
 */
export interface ExchangeOnlineClient {
  /**
   * All objects that a cmdlet returns, page by page. Most cmdlets return 1,000 at most without `ResultSize: 'Unlimited'`.
   * @throws BrokerError resource_error if an object does not match `shape`.
   */
  list(
    cmdlet: string,
    parameters?: CmdletParameters,
    options?: CmdletOptions,
  ): AsyncGenerator<JsonObject, void, undefined>;
  list<T>(
    cmdlet: string,
    parameters: CmdletParameters,
    options: CmdletOptions & { readonly shape: Shape<T> },
  ): AsyncGenerator<T, void, undefined>;
  /**
   * Runs many cmdlets in few requests, ten in each. The failure of one is a value. A value has the objects of all pages.
   * @throws TypeError if two ids are equal.
   */
  batch(requests: readonly CmdletRequest[], options?: CmdletOptions): Promise<BatchReply<readonly JsonObject[]>[]>;
  batch<T>(
    requests: readonly CmdletRequest[],
    options: CmdletOptions & { readonly shape: Shape<T> },
  ): Promise<BatchReply<readonly T[]>[]>;
}

/** Clients send ten (CIPP-API, New-ExoBulkRequest). */
const cmdletsPerBatch = 10;
const prefer = { prefer: 'odata.maxpagesize=1000;odata.continue-on-error' };

/**
 * A client for one tenant. Create one for each operation, because it has the operation's deadline.
 * @param admit Is asked before each cmdlet, with the body of its request. @throws BrokerError if it may not be sent.
 */
export function createExchangeOnlineClient(
  deps: ExchangeDeps,
  binding: Omit<Binding, 'peer'> & { readonly tenantId: TenantId },
  admit: (body: string) => Promise<void>,
): ExchangeOnlineClient {
  const bound: Binding = { ...binding, peer: 'Exchange Online' };
  const root = `/adminapi/beta/${binding.tenantId}`;
  const headersOf = (parameters: CmdletParameters = {}) => ({
    ...prefer,
    'content-type': 'application/json',
    'x-anchormailbox': anchorOf(binding.tenantId, parameters),
  });
  const addressOf = ({ select = [] }: CmdletOptions): string =>
    `${root}/InvokeCommand${select.length === 0 ? '' : `?$select=${select.map(encodeURIComponent).join(',')}`}`;

  /** @throws BrokerError resource_error for a link to another tenant, which the gate has not admitted. */
  function nextOf(page: unknown): { readonly key: string } | undefined {
    const next = textOf(asObject(page), '@odata.nextLink');
    if (next === undefined) return undefined;
    const key = below(bound, next);
    if (new URL(key, bound.baseUrl).pathname.toLowerCase().startsWith(`${root}/`)) return { key };
    throw new BrokerError('resource_error', 'Exchange Online sends a link that leaves the tenant.');
  }

  /** @param from of a later page. */
  async function* list<T>(
    cmdlet: string,
    parameters: CmdletParameters = {},
    options: CmdletOptions & { readonly shape?: Shape<T> } = {},
    from = addressOf(options),
  ): AsyncGenerator<T | JsonObject, void, undefined> {
    const body = bodyOf(cmdlet, parameters);
    const items = pages(bound.peer, { key: from }, async ({ key: path }) => {
      await admit(body);
      const request = { method: 'POST', url: bound.baseUrl + path, headers: headersOf(parameters), body } as const;
      const page = await valueOf(bound.peer, await exchange(deps, bound, request), deps.clock.nowMs());
      return { items: itemsOf(bound.peer, page, 'value'), next: nextOf(page) };
    });
    for await (const item of items) yield options.shape === undefined ? item : shaped(bound.peer, options.shape, item);
  }

  /** The objects of a reply in a batch, and those of its further pages. */
  async function objectsOf<T>(
    { cmdlet, parameters }: CmdletRequest,
    page: unknown,
    options: CmdletOptions & { readonly shape?: Shape<T> },
  ): Promise<readonly (T | JsonObject)[]> {
    const first = itemsOf(bound.peer, page, 'value');
    const { shape } = options;
    const found = shape === undefined ? first : first.map((item) => shaped(bound.peer, shape, item));
    const next = nextOf(page);
    return next === undefined
      ? found
      : [...found, ...(await Array.fromAsync(list(cmdlet, parameters, options, next.key)))];
  }

  async function batch<T>(
    requests: readonly CmdletRequest[],
    options: CmdletOptions & { readonly shape?: Shape<T> } = {},
  ): Promise<BatchReply<readonly (T | JsonObject)[]>[]> {
    const byId = new Map(requests.map((request) => [request.id, request]));
    if (byId.size !== requests.length) throw new TypeError('the ids of a batch must be unique');
    const path = addressOf(options);
    const parts = [];
    for (const { id, cmdlet, parameters } of requests) {
      const body = bodyOf(cmdlet, parameters);
      await admit(body);
      const headers = headersOf(parameters);
      parts.push({ id, path, sent: { method: 'POST', url: bound.baseUrl + path, headers, body: JSON.parse(body) } });
    }
    const endpoint = { url: `${bound.baseUrl}${root}/$batch`, size: cmdletsPerBatch, headers: headersOf() };
    const replies: BatchReply<readonly (T | JsonObject)[]>[] = [];
    for (const reply of await readBatch(deps, bound, parts, endpoint)) {
      const request = byId.get(reply.id);
      if (!reply.ok || request === undefined) {
        if (!reply.ok) replies.push(reply);
        continue;
      }
      try {
        replies.push({ ...reply, value: await objectsOf(request, reply.value, options) });
      } catch (error) {
        if (!(error instanceof BrokerError) || bound.signal?.aborted) throw error;
        replies.push({ id: reply.id, ok: false, error });
      }
    }
    return replies;
  }
  return { list, batch };
}

const bodyOf = (cmdlet: string, parameters: CmdletParameters = {}): string =>
  JSON.stringify({ CmdletInput: { CmdletName: cmdlet, Parameters: parameters } });

/**
 * The mailbox by which Exchange finds the server of a request: the one that the cmdlet names, or a system mailbox that every
 * organization has (CIPP-API, New-ExoBulkRequest; that the tenant id may be its domain is not tried).
 */
function anchorOf(tenantId: TenantId, parameters: CmdletParameters): string {
  const named = parameters['Mailbox'] ?? parameters['Identity'];
  return typeof named === 'string' && /^[!-?A-~]+@[!-?A-~]+$/.test(named)
    ? `UPN:${named}`
    : `UPN:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@${tenantId}`;
}
