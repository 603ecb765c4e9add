import { BrokerError, toBrokerError } from '../model/errors.ts';
import { type DomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import { Limiter } from '../runtime/limiter.ts';
import type { DomainResolver } from './domain-resolver.ts';

/** Which tenants are wanted, as settings name them. */
export interface WantedTenants {
  /** Only these; empty means all. */
  readonly include: readonly (TenantId | DomainName)[];
  /** Wins over `include`. */
  readonly exclude: readonly (TenantId | DomainName)[];
  /** Whether a reseller contract without any GDAP relationship counts as a way in (legacy DAP). */
  readonly withoutGdap: 'allow' | 'deny';
}

/** Which tenants are wanted, by id: what a list calls a tenant cannot change who is left out. */
export interface TenantSelection {
  readonly include: ReadonlySet<TenantId> | 'all';
  /** Wins over `include`. */
  readonly exclude: ReadonlySet<TenantId>;
  readonly withoutGdap: WantedTenants['withoutGdap'];
}

/** Fewer than the resolver allows, so that a long list does not make a caller's question wait. */
const concurrency = 4;

/**
 * The wanted tenants by id: for a domain, Entra says whose it is. A domain that nobody has is a warning.
 * @throws BrokerError directory_unavailable while Entra does not say: a tenant that is to be left out could get in.
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
      // A list of which nothing is left still leaves everybody else out.
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
    // What is no tenant id is a domain: settings hold nothing else.
    return tenantId ?? limiter.run(() => tenantOf(domains, reference as DomainName, setting, signal), signal);
  };
  const resolved = await Promise.all(references.map(resolve));
  return {
    tenantIds: new Set(resolved.filter((tenantId) => tenantId !== undefined)),
    warnings: references
      .filter((_, index) => resolved[index] === undefined)
      .map((domain) => `${setting} names the domain ${domain}, which no tenant has: it selects nothing.`),
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
      `Entra does not say which tenant a domain of ${setting} belongs to (${code}): ${detail}`,
      { cause: thrown, retryAfterSeconds, logFields },
    );
  }
}
