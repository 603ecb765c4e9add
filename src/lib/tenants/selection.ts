import { BrokerError, toBrokerError } from '../core/errors.ts';
import { type DomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { Limiter } from '../core/limiter.ts';
import type { DomainResolver } from './domain-resolver.ts';
import type { ExcludedDomains } from './excluded-domains.ts';

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
export interface ServedTenants {
  readonly include: ReadonlySet<TenantId> | 'all';
  /** Overrides `include`. */
  readonly exclude: ReadonlySet<TenantId>;
  readonly withoutGdap: WantedTenants['withoutGdap'];
}

export interface ServedTenantsDeps {
  readonly domains: DomainResolver;
  readonly excludedDomains: ExcludedDomains;
}

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay callers. */
const concurrency = 4;

/**
 * Resolves the domains of the settings with Entra. A domain in TENANTS_EXCLUDE excludes every tenant that it has belonged
 * to, because a customer can remove it from the tenant. A domain in TENANTS_INCLUDE includes only the tenant that it
 * belongs to now. A domain that no tenant has, or that has moved, is a warning.
 * @throws BrokerError directory_unavailable if Entra does not resolve a domain or storage does not answer, because an
 * excluded tenant could otherwise get tokens.
 */
export async function resolveServedTenants(
  deps: ServedTenantsDeps,
  wanted: WantedTenants,
  signal?: AbortSignal,
): Promise<{ readonly selection: ServedTenants; readonly warnings: readonly string[] }> {
  const currentTenant = (domain: DomainName): Promise<TenantId | undefined> => deps.domains.tenantOf(domain, signal);
  const [include, exclude] = await Promise.all([
    resolveList('TENANTS_INCLUDE', wanted.include, signal, async (domain) => ({
      current: await currentTenant(domain),
      earlier: [],
    })),
    resolveList('TENANTS_EXCLUDE', wanted.exclude, signal, async (domain) =>
      remember(deps.excludedDomains, domain, await currentTenant(domain)),
    ),
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

/** The tenants of a domain. */
interface DomainTenants {
  /** Undefined if no tenant has the domain. */
  readonly current: TenantId | undefined;
  /** The other tenants that had it. */
  readonly earlier: readonly TenantId[];
}

async function remember(
  memory: ExcludedDomains,
  domain: DomainName,
  current: TenantId | undefined,
): Promise<DomainTenants> {
  const known = await memory.tenantsOf(domain);
  if (current !== undefined && !known.has(current)) await memory.add(domain, current);
  return { current, earlier: [...known].filter((tenantId) => tenantId !== current) };
}

async function resolveList(
  setting: string,
  references: readonly (TenantId | DomainName)[],
  signal: AbortSignal | undefined,
  tenantsOf: (domain: DomainName) => Promise<DomainTenants>,
): Promise<{ readonly tenantIds: ReadonlySet<TenantId>; readonly warnings: readonly string[] }> {
  const limiter = new Limiter(concurrency);
  const resolve = async (reference: TenantId | DomainName): Promise<DomainTenants & { readonly warning?: string }> => {
    const tenantId = parseTenantId(reference);
    if (tenantId !== undefined) return { current: tenantId, earlier: [] };
    // Settings contain only tenant ids and domains.
    const domain = reference as DomainName;
    const lookUp = () => tenantsOf(domain).catch((thrown: unknown) => throwUnresolved(setting, thrown, signal));
    const tenants = await limiter.run(lookUp, signal);
    const warning = warningOf(tenants);
    return warning === undefined
      ? tenants
      : { ...tenants, warning: `${setting} contains the domain ${domain}, which ${warning}` };
  };
  const resolved = await Promise.all(references.map(resolve));
  return {
    tenantIds: new Set(
      resolved.flatMap(({ current, earlier }) => [...earlier, ...(current === undefined ? [] : [current])]),
    ),
    warnings: resolved.flatMap(({ warning }) => warning ?? []),
  };
}

/** The end of a sentence about a domain whose tenant is not simply the one that Entra names. */
function warningOf({ current, earlier }: DomainTenants): string | undefined {
  const kept = `The tenant that had it stays excluded: ${earlier.join(', ')}.`;
  if (current !== undefined)
    return earlier.length === 0
      ? undefined
      : `has moved to the tenant ${current}. ${kept} Name tenant ids instead of the domain.`;
  return earlier.length === 0
    ? 'no tenant has. The entry has no effect.'
    : `no tenant has now. ${kept} Name the tenant id instead of the domain.`;
}

function throwUnresolved(setting: string, thrown: unknown, signal: AbortSignal | undefined): never {
  signal?.throwIfAborted();
  const { code, detail, retryAfterSeconds, logFields } = toBrokerError(thrown);
  if (code === 'internal') throw thrown;
  throw new BrokerError(
    'directory_unavailable',
    `A domain in ${setting} could not be resolved to a tenant (${code}): ${detail}`,
    { cause: thrown, retryAfterSeconds, logFields },
  );
}
