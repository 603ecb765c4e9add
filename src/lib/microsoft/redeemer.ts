import type {
  ConfidentialClientApplication,
  Configuration,
  INetworkModule,
  NetworkRequestOptions,
  NetworkResponse,
} from '@azure/msal-node';
import { type Clock, withDeadline } from '../core/clock.ts';
import { BrokerError, type ErrorCode, type LogFields } from '../core/errors.ts';
import { parseGuid, type TenantId } from '../core/identifiers.ts';
import { scrubReply } from '../core/log.ts';
import type { AppMetrics } from '../core/metrics.ts';
import { defined } from '../core/objects.ts';
import { type Fetch, OutboundError, outboundFailure, type OutboundReply, parseJson, send } from '../core/outbound.ts';
import { isAudienceOf, isBuiltIn } from '../core/resources.ts';
import type { ClientCredential, Grant, Secret } from '../core/secrets.ts';
import { authorizationServer } from './authorization-server.ts';
import type { Reach } from './aadsts.ts';
import { judgeTokenReply, type TokenReply } from './token-reply.ts';

/** One redemption. */
export interface Redemption {
  readonly tenantId: TenantId;
  /** The identifier of the resource in Entra, without a trailing slash. The scope sent is `{identifier}/.default`. */
  readonly resourceIdentifier: string;
  readonly clientId: string;
  readonly clientCredential: ClientCredential;
  readonly grant:
    | { readonly kind: Extract<Grant, 'delegated'>; readonly refreshToken: Secret }
    | { readonly kind: Extract<Grant, 'application'> };
  readonly correlationId: string;
}

/** Redeems a grant at Entra's token endpoint with one request. Never throws. */
export interface Redeemer {
  redeem(redemption: Redemption, signal?: AbortSignal): Promise<TokenReply>;
}

interface RedeemerDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /**
   * The assertion of a federated credential: the managed identity's token for `api://AzureADTokenExchange`.
   * @throws BrokerError if this machine has no managed identity. Any other error is transient.
   */
  readonly federatedAssertion: () => Promise<string>;
  /** Called at first use, because the import takes about 90 ms of a cold start. */
  readonly loadMsal: () => Promise<{
    ConfidentialClientApplication: new (configuration: Configuration) => ConfidentialClientApplication;
  }>;
  /** Application ids of configured resources by identifier, if their identifier does not contain it. */
  readonly applicationIds?: ReadonlyMap<string, string>;
}

/** Entra answers in well under a second. */
const requestTimeoutMs = 15_000;
/** The identity endpoint answers in milliseconds from its cache. */
const assertionTimeoutMs = 10_000;

/** A reply of the token endpoint has a few KiB. A token with many groups stays below this limit. */
const maxReplyBytes = 256 * 1024;

interface CapturedExchange {
  readonly sentAtMs: number;
  /** The reply, or why none arrived. */
  readonly outcome: OutboundReply | OutboundError;
}

/**
 * MSAL's network client for exactly one grant. It applies a deadline and a size limit, which MSAL's own client lacks. It
 * keeps the unchanged reply, because MSAL discards the new refresh token, the status and Retry-After, and accepts a 200
 * without a token.
 */
export class CapturingNetworkClient implements INetworkModule {
  captured: CapturedExchange | undefined;
  readonly #deps: Pick<RedeemerDeps, 'fetch' | 'clock'>;
  readonly #signal: AbortSignal | undefined;

  constructor(deps: Pick<RedeemerDeps, 'fetch' | 'clock'>, signal?: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  async sendGetRequestAsync<T>(url: string): Promise<NetworkResponse<T>> {
    // MSAL gets all endpoints as metadata, so it never sends a GET. If it does, the failure must be visible.
    throw new OutboundError('network', new URL(url).host, { cause: new Error('MSAL asked for a discovery document') });
  }

  async sendPostRequestAsync<T>(url: string, options?: NetworkRequestOptions): Promise<NetworkResponse<T>> {
    const sentAtMs = this.#deps.clock.nowMs();
    const outcome = await send(this.#deps.fetch, {
      method: 'POST',
      url,
      timeoutMs: requestTimeoutMs,
      maxBodyBytes: maxReplyBytes,
      signal: this.#signal,
      ...defined({ headers: options?.headers, body: options?.body }),
    }).catch((error: unknown) =>
      error instanceof OutboundError ? error : new OutboundError('network', new URL(url).host, { cause: error }),
    );
    this.captured = { sentAtMs, outcome };
    if (outcome instanceof OutboundError) throw outcome;
    // MSAL's interpretation of the reply is ignored.
    return { status: outcome.status, headers: {}, body: (parseJson(outcome.body) ?? {}) as T };
  }
}

/**
 * A redeemer that uses `@azure/msal-node` only as a protocol client. Each redemption has its own MSAL client. A shared
 * client would fail for 60 seconds after a 429 or 5xx without sending a request, and its cache would grow with the
 * number of tenants.
 */
export function createMsalRedeemer(deps: RedeemerDeps, entraEndpoint: string): Redeemer {
  return {
    redeem: async (redemption, signal) => {
      const network = new CapturingNetworkClient(deps, signal);
      let thrown: unknown;
      try {
        const { ConfidentialClientApplication } = await deps.loadMsal();
        const client = new ConfidentialClientApplication(configuration(deps, entraEndpoint, redemption, network));
        const scopes = [`${redemption.resourceIdentifier}/.default`];
        const { correlationId, grant } = redemption;
        await (grant.kind === 'delegated'
          ? client.acquireTokenByRefreshToken({ refreshToken: grant.refreshToken.reveal(), scopes, correlationId })
          : client.acquireTokenByClientCredential({ scopes, correlationId, skipCache: true }));
      } catch (error) {
        thrown = error;
      }
      return judge(network, redemption, {
        thrown,
        applicationId: deps.applicationIds?.get(redemption.resourceIdentifier),
      });
    },
  };
}

/** Interprets the reply. MSAL's own result or error counts only if no request was sent. */
function judge(
  network: CapturingNetworkClient,
  redemption: Redemption,
  { thrown, applicationId }: { readonly thrown: unknown; readonly applicationId: string | undefined },
): TokenReply {
  const { captured } = network;
  if (captured === undefined) return notSent(thrown);
  if (captured.outcome instanceof OutboundError) return unreachable(captured.outcome);
  const reply = judgeTokenReply(captured.outcome, captured.sentAtMs);
  return reply.ok ? checkedToken(reply, redemption, applicationId) : reply;
}

const failed = (code: ErrorCode, reach: Reach, detail: string, logFields: LogFields): TokenReply => ({
  ok: false,
  failure: { code, reach, detail, retryAfterSeconds: undefined, logFields },
});

/** Rejects a token whose `tid` or `aud` does not match. */
function checkedToken(
  reply: Extract<TokenReply, { ok: true }>,
  { tenantId: wantedTenantId, resourceIdentifier }: Redemption,
  applicationId: string | undefined,
): TokenReply {
  const { tenantId, audience } = reply.token.claims;
  const mismatch = (claimed: 'tenant' | 'resource', logFields: LogFields, advice = ''): TokenReply => {
    const detail = `Entra issued a token for another ${claimed}. The token was discarded.${advice}`;
    return failed('entra_unavailable', 'transient', detail, logFields);
  };
  if (tenantId !== undefined && tenantId !== wantedTenantId) return mismatch('tenant', { tokenTenantId: tenantId });
  if (audience !== undefined && !isAudienceOf(audience, resourceIdentifier, applicationId)) {
    const configurable = parseGuid(audience) !== undefined && !isBuiltIn(resourceIdentifier);
    const advice = ` If ${audience} is the application id of the resource, add it to RESOURCES: ALIAS=${resourceIdentifier}#${audience}`;
    return mismatch('resource', { tokenAudience: audience }, configurable ? advice : '');
  }
  return reply;
}

function unreachable(error: OutboundError): TokenReply {
  const { code, detail } = outboundFailure(error, 'entra_unavailable', 'Entra');
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return failed(code, 'transient', detail, { network: error.failure, cause });
}

/** The failure when MSAL sent no request: there is no assertion, or the key is unusable. */
function notSent(thrown: unknown): TokenReply {
  const msal = thrown instanceof Error ? scrubReply(`${thrown.name}: ${thrown.message}`, 500) : 'unknown';
  if (thrown instanceof BrokerError) return failed(thrown.code, 'request', thrown.detail, { msal });
  // The identity endpoint fails occasionally, which does not make the credential invalid.
  if (thrown instanceof AssertionUnavailable)
    return failed('entra_unavailable', 'transient', 'The managed identity issued no assertion.', { msal });
  const detail = 'The client credential could not be prepared: its key is unusable.';
  return failed('client_credential_rejected', 'credential', detail, { msal });
}

class AssertionUnavailable extends Error {
  override readonly name = 'AssertionUnavailable';
}

async function assertionOf(deps: RedeemerDeps): Promise<string> {
  try {
    return await withDeadline(deps.clock, assertionTimeoutMs, () => deps.federatedAssertion());
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw new AssertionUnavailable('no assertion', { cause });
  }
}

function configuration(
  deps: RedeemerDeps,
  entraEndpoint: string,
  redemption: Redemption,
  network: CapturingNetworkClient,
): Configuration {
  const { clientId, tenantId, clientCredential } = redemption;
  return {
    auth: {
      clientId,
      authority: `${entraEndpoint}/${tenantId}`,
      knownAuthorities: [new URL(entraEndpoint).host],
      // So that MSAL discovers neither.
      authorityMetadata: JSON.stringify(authorizationServer(entraEndpoint, tenantId)),
      cloudDiscoveryMetadata: cloudDiscoveryMetadata(entraEndpoint),
      ...clientAuthentication(deps, clientCredential),
    },
    system: { networkClient: network },
  };
}

function clientAuthentication(deps: RedeemerDeps, credential: ClientCredential): Partial<Configuration['auth']> {
  switch (credential.kind) {
    case 'secret':
      return { clientSecret: credential.secret.reveal() };
    case 'certificate':
      return {
        clientCertificate: {
          thumbprintSha256: credential.thumbprintSha256,
          privateKey: credential.privateKey.reveal(),
          x5c: credential.certificate,
        },
      };
    case 'federated':
      return { clientAssertion: () => assertionOf(deps) };
  }
}

function cloudDiscoveryMetadata(entraEndpoint: string): string {
  const { host } = new URL(entraEndpoint);
  return JSON.stringify({
    tenant_discovery_endpoint: `${entraEndpoint}/common/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  });
}

/** A redeemer that measures how long Entra takes, by `ok` or the code of the failure. */
export const measuredRedeemer = (
  redeemer: Redeemer,
  { metrics, clock }: { readonly metrics: AppMetrics; readonly clock: Clock },
): Redeemer => ({
  redeem: async (redemption, signal) => {
    const startedAtMs = clock.nowMs();
    const reply = await redeemer.redeem(redemption, signal);
    metrics.redemptions.observe(Math.max(0, clock.nowMs() - startedAtMs) / 1000, reply.ok ? 'ok' : reply.failure.code);
    return reply;
  },
});
