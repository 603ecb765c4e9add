import type { ConfidentialClientApplication, Configuration } from '@azure/msal-node';
import type { Grant } from '../broker/token.ts';
import type { Clock } from '../clock.ts';
import type { ClientCredential } from '../credential/credential.ts';
import type { Fetch } from '../http/outbound.ts';
import { OutboundError, outboundFailure } from '../http/outbound.ts';
import type { TenantId } from '../identifiers.ts';
import type { Secret } from '../secret.ts';
import { type EntraFailure, judgeTokenReply, type TokenReply } from './judge-token-reply.ts';
import { CapturingNetworkClient } from './network-client.ts';

/** What it takes to redeem once. */
export interface Redemption {
  readonly tenantId: TenantId;
  /** The resource's name with Entra, without a trailing slash; the scope sent is `{identifier}/.default`. */
  readonly resourceIdentifier: string;
  readonly clientId: string;
  readonly clientCredential: ClientCredential;
  readonly grant:
    | { readonly kind: Extract<Grant, 'delegated'>; readonly refreshToken: Secret }
    | { readonly kind: Extract<Grant, 'application'> };
  readonly correlationId: string;
}

/** The port to Entra's token endpoint: one request, one judged reply; never throws. */
export interface Redeemer {
  redeem(redemption: Redemption, signal?: AbortSignal): Promise<TokenReply>;
}

export interface RedeemerDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** The assertion of a federated credential: the managed identity's token for `api://AzureADTokenExchange`. */
  readonly federatedAssertion: () => Promise<string>;
  /** Loaded at first use: the import takes about 90 ms, which a cold start need not pay. */
  readonly loadMsal: () => Promise<{
    ConfidentialClientApplication: new (configuration: Configuration) => ConfidentialClientApplication;
  }>;
}

/** Entra answers in well under a second; a slow one is not worth a thread of work for longer. */
const requestTimeoutMs = 15_000;

/**
 * The redeemer on `@azure/msal-node`, used as protocol client only. Each redemption has a client of its own: MSAL's
 * client remembers a 429 or 5xx and then fails for 60 seconds without sending anything, and its cache is linear in
 * tenants; neither outlives the request this way.
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
      return judge(network, redemption, thrown);
    },
  };
}

/** The reply decides; what MSAL threw or returned counts only when nothing was sent. */
function judge(network: CapturingNetworkClient, redemption: Redemption, thrown: unknown): TokenReply {
  const captured = network.captured;
  if (captured === undefined) return { ok: false, failure: notSent(thrown) };
  if (captured.outcome instanceof OutboundError) {
    return { ok: false, failure: unreachable(captured.outcome) };
  }
  const reply = judgeTokenReply(captured.outcome, captured.sentAtMs);
  const tenantId = reply.ok ? reply.token.claims.tenantId : undefined;
  if (tenantId !== undefined && tenantId !== redemption.tenantId) {
    return {
      ok: false,
      failure: {
        code: 'entra_unavailable',
        reach: 'transient',
        detail: 'Entra issued a token of another tenant, which was thrown away.',
        retryAfterSeconds: undefined,
        logFields: { tokenTenantId: tenantId },
      },
    };
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

/** MSAL refused before sending: the assertion could not be had, or the key is unusable. */
function notSent(thrown: unknown): EntraFailure {
  const name = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : 'unknown';
  return {
    code: 'client_credential_rejected',
    reach: 'ambiguous',
    detail:
      'The client credential could not be prepared: the key is unusable or the managed identity gave no assertion.',
    retryAfterSeconds: undefined,
    logFields: { msal: name.slice(0, 500) },
  };
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
      return { clientAssertion: deps.federatedAssertion };
  }
}

/** OpenID Connect metadata, stated instead of discovered: the addresses are part of the protocol and never move. */
function authorityMetadata(entraEndpoint: string, tenantId: TenantId): string {
  const base = `${entraEndpoint}/${tenantId}`;
  return JSON.stringify({
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    issuer: `${base}/v2.0`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
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
