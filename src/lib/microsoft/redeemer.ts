import type { ConfidentialClientApplication, Configuration } from '@azure/msal-node';
import { type Clock, withDeadline } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import { parseGuid, type TenantId } from '../core/identifiers.ts';
import { scrubReply } from '../core/log.ts';
import type { AppMetrics } from '../core/metrics.ts';
import { type Fetch, OutboundError, outboundFailure } from '../core/outbound.ts';
import { isAudienceOf, isBuiltIn } from '../core/resources.ts';
import type { ClientCredential, Grant, Secret } from '../core/secrets.ts';
import { authorizationServer } from './authorization-server.ts';
import { CapturingNetworkClient } from './network-client.ts';
import { type EntraFailure, judgeTokenReply, type TokenReply } from './token-reply.ts';

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

/**
 * A redeemer that uses `@azure/msal-node` only as a protocol client. Each redemption has its own MSAL client. A shared
 * client would fail for 60 seconds after a 429 or 5xx without sending a request, and its cache would grow with the
 * number of tenants.
 */
export function createMsalRedeemer(deps: RedeemerDeps, entraEndpoint: string): Redeemer {
  return {
    redeem: async (redemption, signal) => {
      const network = new CapturingNetworkClient(deps, requestTimeoutMs, signal);
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
  const captured = network.captured;
  if (captured === undefined) return { ok: false, failure: notSent(thrown) };
  if (captured.outcome instanceof OutboundError) {
    return { ok: false, failure: unreachable(captured.outcome) };
  }
  const reply = judgeTokenReply(captured.outcome, captured.sentAtMs);
  return reply.ok ? checkedToken(reply, redemption, applicationId) : reply;
}

/** Rejects a token whose `tid` or `aud` does not match. */
function checkedToken(
  reply: Extract<TokenReply, { ok: true }>,
  { tenantId: wantedTenantId, resourceIdentifier }: Redemption,
  applicationId: string | undefined,
): TokenReply {
  const { tenantId, audience } = reply.token.claims;
  const mismatch = (claimed: 'tenant' | 'resource', logFields: EntraFailure['logFields'], advice = ''): TokenReply => ({
    ok: false,
    failure: {
      code: 'entra_unavailable',
      reach: 'transient',
      detail: `Entra issued a token for another ${claimed}. The token was discarded.${advice}`,
      retryAfterSeconds: undefined,
      logFields,
    },
  });
  if (tenantId !== undefined && tenantId !== wantedTenantId) return mismatch('tenant', { tokenTenantId: tenantId });
  if (audience !== undefined && !isAudienceOf(audience, resourceIdentifier, applicationId)) {
    const configurable = parseGuid(audience) !== undefined && !isBuiltIn(resourceIdentifier);
    const advice = ` If ${audience} is the application id of the resource, add it to RESOURCES: ALIAS=${resourceIdentifier}#${audience}`;
    return mismatch('resource', { tokenAudience: audience }, configurable ? advice : '');
  }
  return reply;
}

function unreachable(error: OutboundError): EntraFailure {
  const { code, detail } = outboundFailure(error, 'entra_unavailable', 'Entra');
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return {
    code,
    reach: 'transient',
    detail,
    retryAfterSeconds: undefined,
    logFields: { network: error.failure, cause },
  };
}

/** The failure when MSAL sent no request: there is no assertion, or the key is unusable. */
function notSent(thrown: unknown): EntraFailure {
  const logFields = {
    msal: thrown instanceof Error ? scrubReply(`${thrown.name}: ${thrown.message}`, 500) : 'unknown',
  };
  if (thrown instanceof BrokerError) {
    const { code, detail } = thrown;
    return { code, reach: 'request', detail, retryAfterSeconds: undefined, logFields };
  }
  if (thrown instanceof AssertionUnavailable) {
    // The identity endpoint fails occasionally, which does not make the credential invalid.
    const detail = 'The managed identity issued no assertion.';
    return { code: 'entra_unavailable', reach: 'transient', detail, retryAfterSeconds: undefined, logFields };
  }
  const detail = 'The client credential could not be prepared: its key is unusable.';
  return { code: 'client_credential_rejected', reach: 'credential', detail, retryAfterSeconds: undefined, logFields };
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
      authorityMetadata: authorityMetadata(entraEndpoint, tenantId),
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

/** OpenID Connect metadata, so that MSAL does not discover it. MSAL requires an address for signing out. */
function authorityMetadata(entraEndpoint: string, tenantId: TenantId): string {
  return JSON.stringify({
    ...authorizationServer(entraEndpoint, tenantId),
    end_session_endpoint: `${entraEndpoint}/${tenantId}/oauth2/v2.0/logout`,
  });
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
