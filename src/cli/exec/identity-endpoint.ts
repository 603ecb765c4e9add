import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenAnswer } from '../../lib/api/answers/approvals.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { isSame, listenOnLoopback, type LoopbackServer, Refusal } from './loopback-server.ts';
import { aliasOf, type ResourceAliases } from './resource-aliases.ts';
import { type ExecTenant, labelOf } from './tenant.ts';

/** What the endpoint of one child needs. */
export interface IdentityDeps {
  readonly tenant: ExecTenant;
  /** Empty: the child gets no token at all. */
  readonly resources: ResourceAliases;
  /** Returns a random text that nobody can guess. */
  readonly newSecret: () => string;
  /** Requests a token of the broker. The signal is aborted once the endpoint is closed. @throws BrokerError */
  readonly getToken: (tenantId: string, alias: string, signal: AbortSignal) => Promise<TokenAnswer>;
  readonly nowMs: () => number;
}

/** The managed identity endpoint of one child. */
export interface IdentityEndpoint extends LoopbackServer {
  readonly header: string;
  /** Why the last request got no token. Undefined if none was refused since the last token. */
  readonly refused: () => BrokerError | undefined;
}

/** A token is renewed this long before it expires, in milliseconds. */
const renewBeforeMs = 300_000;

/** Parameters with which a client asks for an identity of its own choice. A child has only one. */
const identityParameters = ['client_id', 'principal_id', 'object_id', 'mi_res_id', 'msi_res_id'];
/** Parameters that could name another tenant. The protocol has none. */
const tenantParameters = ['tenant', 'tenant_id', 'tenantid', 'authority'];

/**
 * Starts the endpoint that Microsoft's libraries ask for tokens ("Use managed identities for App Service", REST endpoint
 * reference, version 2019-08-01). It knows one tenant, and gives out only tokens for its resources.
 */
export async function openIdentityEndpoint(deps: IdentityDeps): Promise<IdentityEndpoint> {
  const header = deps.newSecret();
  let refused: BrokerError | undefined;
  const over = new AbortController();
  const tokens = new Map<string, Promise<TokenAnswer>>();
  const tokenOf = async (alias: string): Promise<TokenAnswer> => {
    const known = tokens.get(alias);
    const kept = await known?.catch(() => undefined);
    if (kept !== undefined && Date.parse(kept.expiresAt) - deps.nowMs() > renewBeforeMs) return kept;
    // Another request may have asked for the next one meanwhile.
    const next = tokens.get(alias);
    if (next !== undefined && next !== known) return next;
    const asked = deps.getToken(deps.tenant.tenantId, alias, over.signal);
    tokens.set(alias, asked);
    return asked;
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const resource = resourceOf(request, header, deps);
      answer(response, 200, tokenJson(await tokenOf(resource.alias), resource.identifier));
      refused = undefined;
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      if (refusal.cause !== undefined) refused = refusal.cause;
      answer(response, refusal.status, { statusCode: refusal.status, message: refusal.message }, refusal.retryAfter);
    }
  };
  const server = await listenOnLoopback(serve);
  const close = (): Promise<void> => {
    over.abort();
    return server.close();
  };
  return { url: `${server.url}/msi/token`, header, refused: () => refused, close };
}

/** @throws Refusal */
function resourceOf(
  { method, url = '', headers }: IncomingMessage,
  header: string,
  { tenant, resources }: IdentityDeps,
): { readonly alias: string; readonly identifier: string } {
  if (!isSame(headers['x-identity-header'], header)) throw new Refusal(403, 'The header X-IDENTITY-HEADER is wrong.');
  const { pathname, searchParams } = URL.parse(url, 'http://127.0.0.1') ?? new URL('http://127.0.0.1');
  if (method !== 'GET' || pathname !== '/msi/token') throw new Refusal(404, 'Send GET /msi/token.');
  const names = new Set([...searchParams.keys()].map((name) => name.toLowerCase()));
  const choice = identityParameters.find((name) => names.has(name));
  if (choice !== undefined)
    throw new Refusal(400, `This program has the identity of one tenant. Ask without ${choice}.`);
  if (tenantParameters.some((name) => names.has(name)))
    throw new Refusal(400, `This program runs for the tenant ${labelOf(tenant)} and gets tokens for no other.`);
  const [identifier, second] = searchParams.getAll('resource');
  if (identifier === undefined || second !== undefined) throw new Refusal(400, 'Name one resource.');
  if (resources.size === 0)
    throw new Refusal(403, 'This program was started with --via gateway. Send requests to PTB_GRAPH_URL instead.');
  const alias = aliasOf(resources, identifier);
  if (alias === undefined)
    throw new Refusal(403, `The resource ${identifier.slice(0, 200)} is not among those of --resource.`);
  return { alias, identifier };
}

const tokenJson = ({ accessToken, expiresAt, tokenType }: TokenAnswer, resource: string): object => ({
  access_token: accessToken,
  expires_on: String(Math.floor(Date.parse(expiresAt) / 1000)),
  resource,
  token_type: tokenType,
});

interface Refused {
  readonly status: number;
  readonly message: string;
  readonly retryAfter?: number | undefined;
  readonly cause?: BrokerError;
}

/**
 * The libraries repeat requests that get 404, 429 or 5xx. Whatever a repetition cannot help must have another status.
 */
function refusalOf(thrown: unknown): Refused {
  if (thrown instanceof Refusal) return { status: thrown.status, message: thrown.message };
  const cause =
    thrown instanceof BrokerError ? thrown : new BrokerError('internal', 'The token could not be requested.');
  return {
    // People decide about approvals, which may take longer than a program should wait.
    status: cause.transient && cause.code !== 'too_many_approvals' ? 503 : 403,
    message: `${cause.detail} (${cause.code})`,
    retryAfter: cause.retryAfterSeconds,
    cause,
  };
}

function answer(response: ServerResponse, status: number, body: object, retryAfter?: number): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(JSON.stringify(body));
}
