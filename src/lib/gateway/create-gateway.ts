import { randomBytes } from 'node:crypto';
import { KeyVaultSecrets } from '../tokens/credential/key-vault-secrets.ts';
import type { Cloud } from '../core/clouds.ts';
import type { Resource } from '../core/token.ts';
import { FairLimiter } from '../core/fair-limiter.ts';
import type { Gateway, GatewayDeps } from './gateway.ts';
import { GatewayLinks } from './send/gateway-links.ts';
import { LargeAnswers } from './send/large-answers.ts';
import { LinkKeys } from './send/link-keys.ts';
import { createUpstream } from './send/upstream.ts';

/** Concurrent requests of all callers to one resource, per instance: as many as those of jobs. */
const concurrency = 64;
/** Large answers in memory, per instance: each takes up to 100 MB while it is edited. */
const largeAnswers = 8;
/** Waiting requests of one caller to one resource. */
const maximumWaiting = 100;

/** Where the gateway's parts come from. */
interface GatewayParts
  extends Omit<GatewayDeps, 'links' | 'upstream' | 'largeAnswers' | 'limiterOf' | 'graphHost' | 'addressOf'> {
  readonly vault: ConstructorParameters<typeof KeyVaultSecrets>[0];
}

/** Puts the gateway together. Nothing is read or connected before the first request. */
export function createGateway(parts: GatewayParts, cloud: Cloud): Gateway {
  const { vault, ...deps } = parts;
  const limiters = new Map<string, FairLimiter>();
  return {
    ...deps,
    links: new GatewayLinks(new LinkKeys({ ...deps, secrets: new KeyVaultSecrets(vault), randomBytes })),
    upstream: createUpstream(),
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
  const own: Readonly<Record<string, string>> = {
    graph: endpoints.graph,
    'aad-graph': endpoints.aadGraph,
    exchange: endpoints.exchange,
    'partner-center': endpoints.partnerCenter,
    arm: endpoints.arm,
  };
  if (Object.hasOwn(own, alias)) return own[alias]?.replace(/\/$/, '');
  if (!/^https?:\/\//i.test(identifier) || !URL.canParse(identifier)) return undefined;
  const { host, hostname } = new URL(identifier);
  const graph = new URL(resources.graph).hostname;
  const named = hostname.replace(/\.$/, '');
  const isGraph = host === new URL(endpoints.graph).host || named === graph || named.endsWith(`.${graph}`);
  return isGraph ? undefined : identifier.replace(/\/$/, '');
}
