import { SingleFlight } from '../single-flight.ts';
import { BrokerError, toBrokerError } from '../errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../identifiers.ts';
import { errorFields } from '../log.ts';
import { type ListsDeps, readTenantLists } from './lists.ts';
import type { DelegatedTenant } from './tenant.ts';
import { type TenantSelection, uniteTenants } from './union.ts';

/** The whole list at one moment. */
export interface TenantList {
  /** Sorted by name; unreachable and excluded tenants are in it, with their reason. */
  readonly tenants: readonly DelegatedTenant[];
  /** What is missing or old in this list, in sentences. */
  readonly warnings: readonly string[];
  readonly asOfMs: number;
}

/** The customers that have delegated administration to the partner. */
export interface TenantDirectory {
  /** @throws BrokerError directory_unavailable, or a failure of the credential, when there is no list to answer with. */
  list(signal?: AbortSignal): Promise<readonly DelegatedTenant[]>;
  /** The list with its warnings and age. */
  snapshot(signal?: AbortSignal): Promise<TenantList>;
  /** By tenant id or default domain; undefined when no list knows it or the text is neither. */
  find(tenantIdOrDomain: string, signal?: AbortSignal): Promise<DelegatedTenant | undefined>;
  /** Makes the next question read anew: after a new relationship or consent. */
  refresh(): void;
}

/** A new relationship takes minutes to work anyway; a list of 5,000 costs about 40 requests. */
const freshMs = 10 * 60_000;
/** How long an old list is better than none, when Microsoft does not answer. */
const usableMs = 24 * 3_600_000;
/** After a failure the old list serves for this long before the next try. */
const retryMs = 60_000;

interface Held {
  readonly list: TenantList;
  readonly byKey: ReadonlyMap<string, DelegatedTenant>;
  /** From when on it is to be read again. */
  readonly staleAtMs: number;
}

/** The directory: read at most once at a time, kept ten minutes; the last good list outlives a transient failure. */
export function createTenantDirectory(deps: ListsDeps, selection: TenantSelection): TenantDirectory {
  const flight = new SingleFlight<Held>();
  let held: Held | undefined;

  const read = async (signal: AbortSignal): Promise<Held> => {
    const nowMs = deps.clock.nowMs();
    try {
      const { lists, warnings } = await readTenantLists(deps, signal);
      held = hold({ tenants: uniteTenants(lists, selection, nowMs), warnings, asOfMs: nowMs }, nowMs + freshMs);
    } catch (thrown) {
      if (held === undefined || !toBrokerError(thrown).transient || nowMs - held.list.asOfMs > usableMs) throw thrown;
      deps.log.log('warn', 'tenants.kept_old_list', { ageMs: nowMs - held.list.asOfMs, ...errorFields(thrown) });
      const warning = `The list could not be refreshed (${toBrokerError(thrown).code}); this one is from ${new Date(held.list.asOfMs).toISOString()}.`;
      return (held = hold({ ...held.list, warnings: [warning] }, nowMs + retryMs));
    }
    return held;
  };
  const current = async (signal?: AbortSignal): Promise<Held> =>
    held !== undefined && deps.clock.nowMs() < held.staleAtMs ? held : flight.run('', read, signal);

  return {
    list: async (signal) => (await current(signal)).list.tenants,
    snapshot: async (signal) => (await current(signal)).list,
    find: async (reference, signal) => {
      const key = parseTenantId(reference) ?? parseDomainName(reference);
      return key === undefined ? undefined : (await current(signal)).byKey.get(key);
    },
    refresh: () => {
      if (held !== undefined) held = { ...held, staleAtMs: 0 };
    },
  };
}

function hold(list: TenantList, staleAtMs: number): Held {
  const byKey = new Map<TenantId | DomainName, DelegatedTenant>();
  for (const tenant of list.tenants) {
    byKey.set(tenant.tenantId, tenant);
    if (tenant.defaultDomain !== undefined) byKey.set(tenant.defaultDomain, tenant);
  }
  return { list, byKey, staleAtMs };
}

/**
 * The tenants that a caller names, each once, in the order of the directory.
 * @throws BrokerError tenant_unknown for the first that the directory does not know.
 */
export async function selectTenants(
  directory: TenantDirectory,
  references: readonly string[],
  signal?: AbortSignal,
): Promise<readonly DelegatedTenant[]> {
  const wanted = new Set<TenantId>();
  for (const reference of references) {
    const tenant = await directory.find(reference, signal);
    if (tenant === undefined)
      throw new BrokerError('tenant_unknown', `"${reference.slice(0, 100)}" is not among the customer tenants.`);
    wanted.add(tenant.tenantId);
  }
  return (await directory.list(signal)).filter(({ tenantId }) => wanted.has(tenantId));
}
