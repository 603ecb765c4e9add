import { TokenBroker } from '../../lib/tokens/broker.ts';
import { createResourceRegistry, type ResourceRegistry } from '../../lib/core/resources.ts';
import { CachedCredentials } from '../../lib/tokens/credential/cached-credentials.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { silentLogger } from '../../lib/core/log.ts';
import { createDomainResolver } from '../../lib/tenants/domain-resolver.ts';
import { createTenantDirectory, type TenantDirectory } from '../../lib/tenants/directory.ts';
import type { Toolbox } from './toolbox.ts';

/** A broker in this process, for an operator who may read the vault. It calls Entra itself, not the function app. */
export interface LocalBroker {
  readonly tokens: TokenBroker;
  readonly directory: TenantDirectory;
  readonly resources: ResourceRegistry;
}

export function createLocalBroker(toolbox: Toolbox): LocalBroker {
  const { target, store, redeemer, clock, newId, exchangeDeps } = toolbox;
  const { cloud, partnerTenantId } = target;
  const { endpoints } = cloud;
  const { random, fetch, limiter } = exchangeDeps;
  const log = silentLogger;
  const resources = createResourceRegistry(cloud, []);
  const credentials = new CachedCredentials({ store, clock, log }, 600);
  const tokens = new TokenBroker(
    { credentials, redeemer, clock, random, log },
    { partnerTenantId, canaryResource: cloud.resources.graph, entraConcurrency: 32, cacheSize: 20_000 },
  );
  const domains = createDomainResolver({ fetch, clock }, endpoints.entra);
  // Nothing is excluded here.
  const excludedDomains = { tenantsOf: async () => new Set<TenantId>(), add: async () => undefined };
  const directory = createTenantDirectory(
    {
      fetch,
      clock,
      random,
      log,
      newId,
      limiter,
      tokens,
      resources,
      endpoints,
      partnerTenantId,
      domains,
      excludedDomains,
    },
    { include: [], exclude: [], withoutGdap: 'allow' },
  );
  return { tokens, directory, resources };
}
