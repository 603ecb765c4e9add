import { randomBytes } from 'node:crypto';
import type { PermissionMap } from 'graph-permissions/permission-map';
import type { PolicyStore } from '../access/policy/policy-store.ts';
import type { RequestedTenantDeps } from '../access/tenants/requested-tenant.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Caller } from '../core/caller.ts';
import type { Random } from '../core/clock.ts';
import { FairLimiter } from '../core/fair-limiter.ts';
import { type Cloud, factsOf, type ResourceRegistry } from '../core/resources.ts';
import type { Resource } from '../core/secrets.ts';
import type { RequestBudget } from '../core/share.ts';
import { hostsInSpans, inRequestSpan, type Spans } from '../core/spans.ts';
import { KeyVaultSecrets } from '../tokens/credential/key-vault-secrets.ts';
import type { GatedTokens } from '../tokens/issue-token.ts';
import { GatewayLinks, LinkKeys } from './send/gateway-links.ts';
import type { RequestRecordsDeps } from './send/request-records.ts';
import { createUpstream, LargeAnswers, type Upstream } from './send/upstream.ts';

/** What the gateway needs. */
export interface GatewayDeps extends RequestRecordsDeps, RequestedTenantDeps {
  readonly policy: PolicyStore;
  /** `limit` counts the requests of a caller. The first part of a batch is counted before. */
  readonly callers: RequestRecordsDeps['callers'] & { readonly limit: { take(caller: Caller): void } };
  readonly resources: ResourceRegistry;
  /** Refuses tenants that are excluded or out of reach. */
  readonly tokens: GatedTokens;
  readonly approvals: Approvals;
  readonly random: Random;
  readonly permissionMap: () => Promise<PermissionMap>;
  readonly links: GatewayLinks;
  /** Limits that all instances of the app share. Absent: this process is alone. */
  readonly budgets?: RequestBudget | undefined;
  readonly upstream: Upstream;
  readonly largeAnswers: Pick<LargeAnswers, 'slot'>;
  /** Limits the concurrent requests to a resource, and lets callers take turns. */
  readonly limiterOf: (resource: Resource) => FairLimiter;
  /** Host of Graph in the cloud, for example `graph.microsoft.com`. */
  readonly graphHost: string;
  /** The address of a resource without a trailing slash. Undefined: it has none. */
  readonly addressOf: (resource: Resource) => string | undefined;
}

/** The gateway of the app. */
export interface Gateway extends GatewayDeps {
  /** How many requests wait in the queue, by the alias of their resource. A resource that had no request is absent. */
  readonly waiting: () => ReadonlyMap<string, number>;
}

/** Concurrent requests of all callers to one resource, per instance: as many as those of jobs. */
const concurrency = 64;
/** Large answers in memory, per instance: each takes about 150 MB while it is edited, several times that if it is nested deeply. */
const largeAnswers = 8;
/** Waiting requests of one caller to one resource. */
const maximumWaiting = 100;

/** Where the gateway's parts come from. */
interface GatewayParts
  extends Omit<GatewayDeps, 'links' | 'upstream' | 'largeAnswers' | 'limiterOf' | 'graphHost' | 'addressOf'> {
  readonly vault: ConstructorParameters<typeof KeyVaultSecrets>[0];
  readonly spans: Spans;
}

/** Puts the gateway together. Nothing is read or connected before the first request. */
export function createGateway(parts: GatewayParts, cloud: Cloud): Gateway {
  const { vault, spans, ...deps } = parts;
  const upstream = createUpstream();
  const traced = { spans, hosts: hostsInSpans(cloud) };
  const limiters = new Map<string, FairLimiter>();
  return {
    ...deps,
    links: new GatewayLinks(new LinkKeys({ ...deps, secrets: new KeyVaultSecrets(vault), randomBytes })),
    upstream: (request) => inRequestSpan(traced, request, () => upstream(request)),
    largeAnswers: new LargeAnswers(largeAnswers),
    limiterOf: ({ alias }) => {
      const limiter =
        limiters.get(alias) ??
        new FairLimiter({ limit: concurrency, maxWaiting: maximumWaiting, peer: `the resource ${alias}` });
      limiters.set(alias, limiter);
      return limiter;
    },
    waiting: () => new Map([...limiters].map(([alias, { waiting }]) => [alias, waiting])),
    graphHost: new URL(cloud.resources.graph).host,
    addressOf: (resource) => addressOf(cloud, resource),
  };
}

/**
 * The address of a resource without a trailing slash. Undefined for one that Entra knows by its application id only, and for
 * another name of Microsoft Graph: the permission map judges the requests to `graph`, and would not judge those.
 */
function addressOf({ endpoints, resources }: Cloud, { alias, identifier }: Resource): string | undefined {
  const endpoint = factsOf(alias)?.endpoint;
  if (endpoint !== undefined) return endpoints[endpoint].replace(/\/$/, '');
  if (!/^https?:\/\//i.test(identifier) || !URL.canParse(identifier)) return undefined;
  const { host, hostname } = new URL(identifier);
  const graph = new URL(resources.graph).hostname;
  const named = hostname.replace(/\.$/, '');
  const isGraph = host === new URL(endpoints.graph).host || named === graph || named.endsWith(`.${graph}`);
  return isGraph ? undefined : identifier.replace(/\/$/, '');
}
