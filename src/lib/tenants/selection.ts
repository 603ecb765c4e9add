import { BrokerError, toBrokerError } from '../model/errors.ts';
import { type DomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import { Limiter } from '../runtime/limiter.ts';
import type { DomainResolver } from './domain-resolver.ts';

/** The tenants that the settings include and exclude, by id or domain. */
export interface WantedTenants {
  /** Only these; empty means all. */
  readonly include: readonly (TenantId | DomainName)[];
  /** Overrides `include`. */
  readonly exclude: readonly (TenantId | DomainName)[];
  /** Whether a tenant with a reseller contract but no GDAP relationship is reachable (legacy DAP). */
  readonly withoutGdap: 'allow' | 'deny';
}

/** The included and excluded tenants by id, so that wrong domains in a list of customers do not affect them. */
export interface TenantSelection {
  readonly include: ReadonlySet<TenantId> | 'all';
  /** Overrides `include`. */
  readonly exclude: ReadonlySet<TenantId>;
  readonly withoutGdap: WantedTenants['withoutGdap'];
}

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay callers. */
const concurrency = 4;

/**
 * Resolves the domains of the settings with Entra. A domain that no tenant has is a warning.
 * @throws BrokerError directory_unavailable if Entra does not resolve a domain, because an excluded tenant could
 * otherwise get tokens.
 */
export async function resolveSelection(
  domains: DomainResolver,
  wanted: WantedTenants,
  signal?: AbortSignal,
): Promise<{ readonly selection: TenantSelection; readonly warnings: readonly string[] }> {
  const [include, exclude] = await Promise.all([
    resolveList(domains, 'TENANTS_INCLUDE', wanted.include, signal),
    resolveList(domains, 'TENANTS_EXCLUDE', wanted.exclude, signal),
  ]);
  return {
    selection: {
      // If none of the included domains has a tenant, no tenant is included.
      include: wanted.include.length === 0 ? 'all' : include.tenantIds,
      exclude: exclude.tenantIds,
      withoutGdap: wanted.withoutGdap,
    },
    warnings: [...include.warnings, ...exclude.warnings],
  };
}

async function resolveList(
  domains: DomainResolver,
  setting: string,
  references: readonly (TenantId | DomainName)[],
  signal: AbortSignal | undefined,
): Promise<{ readonly tenantIds: ReadonlySet<TenantId>; readonly warnings: readonly string[] }> {
  const limiter = new Limiter(concurrency);
  const resolve = async (reference: TenantId | DomainName): Promise<TenantId | undefined> => {
    const tenantId = parseTenantId(reference);
    // Settings contain only tenant ids and domains.
    return tenantId ?? limiter.run(() => tenantOf(domains, reference as DomainName, setting, signal), signal);
  };
  const resolved = await Promise.all(references.map(resolve));
  return {
    tenantIds: new Set(resolved.filter((tenantId) => tenantId !== undefined)),
    warnings: references
      .filter((_, index) => resolved[index] === undefined)
      .map((domain) => `${setting} contains the domain ${domain}, which no tenant has. The entry has no effect.`),
  };
}

async function tenantOf(
  domains: DomainResolver,
  domain: DomainName,
  setting: string,
  signal: AbortSignal | undefined,
): Promise<TenantId | undefined> {
  try {
    return await domains.tenantOf(domain, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    const { code, detail, retryAfterSeconds, logFields } = toBrokerError(thrown);
    if (code === 'internal') throw thrown;
    throw new BrokerError(
      'directory_unavailable',
      `A domain in ${setting} could not be resolved to a tenant (${code}): ${detail}`,
      { cause: thrown, retryAfterSeconds, logFields },
    );
  }
}
