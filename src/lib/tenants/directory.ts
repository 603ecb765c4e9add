import { isoTime } from '../runtime/clock.ts';
import { withinOr } from '../runtime/deadline.ts';
import { SingleFlight } from '../runtime/single-flight.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import { errorFields } from '../runtime/log.ts';
import type { DomainResolver } from './domain-resolver.ts';
import { type ListCopies, type ListsDeps, readTenantLists, usableMs } from './lists.ts';
import { resolveSelection, type WantedTenants } from './selection.ts';
import type { DelegatedTenant } from './tenant.ts';
import { uniteTenants } from './union.ts';

/** The whole list at one moment. */
export interface TenantList {
  /** Sorted by name; unreachable and excluded tenants are in it, with their reason. */
  readonly tenants: readonly DelegatedTenant[];
  /** What is missing or old in this list, in sentences. */
  readonly warnings: readonly string[];
  /** False: a source failed for a while and nothing was at hand in its place, so customers may be missing. */
  readonly complete: boolean;
  readonly asOfMs: number;
}

/** The customers that have delegated administration to the partner. */
export interface TenantDirectory {
  /** @throws BrokerError directory_unavailable, or a failure of the credential, when there is no list to answer with. */
  list(signal?: AbortSignal): Promise<readonly DelegatedTenant[]>;
  /** The list with its warnings and age. */
  snapshot(signal?: AbortSignal): Promise<TenantList>;
  /**
   * By tenant id or any domain of the tenant; undefined when no list knows it or the text is neither.
   * @throws BrokerError as `list` and `tenantOf` do; directory_unavailable when the list that would know it is missing.
   */
  find(tenantIdOrDomain: string, signal?: AbortSignal): Promise<DelegatedTenant | undefined>;
  /**
   * The tenant that has a domain, customer or not: by Entra's word. While that cannot be had, by the lists' word, where
   * they give the domain to one tenant alone.
   * @returns undefined when nobody has the domain.
   * @throws BrokerError entra_unavailable when neither says.
   */
  tenantOf(domain: DomainName, signal?: AbortSignal): Promise<TenantId | undefined>;
  /**
   * Whether TENANTS_EXCLUDE names the tenant: for the partner's own, which is on no list.
   * @throws BrokerError directory_unavailable while that cannot be told.
   */
  excludes(tenantId: TenantId, signal?: AbortSignal): Promise<boolean>;
  /** Makes the next question read anew: after a new relationship or consent. */
  refresh(): void;
}

/** A new relationship takes minutes to work anyway; a list of 5,000 costs about 40 requests. */
const freshMs = 10 * 60_000;
/** After a failure the old list serves for this long before the next try. */
const retryMs = 60_000;
/**
 * How long a refresh may keep those waiting whom the last good list can answer, counted from its beginning: a peer that
 * takes connections and says nothing holds it up for minutes. A token for a tenant that the list knows is worth a
 * moment; the list itself is what a run is planned from, and reading 5,000 customers takes half a minute.
 */
const patienceMs = { known: 3_000, list: 60_000 };

export interface DirectoryDeps extends ListsDeps {
  readonly domains: DomainResolver;
}

interface Held {
  readonly list: TenantList;
  readonly byId: ReadonlyMap<TenantId, DelegatedTenant>;
  /** Default domains that one tenant alone has, as far as the lists know. */
  readonly byDomain: ReadonlyMap<DomainName, TenantId>;
  /** From when on it is to be read again. */
  readonly staleAtMs: number;
}

/** The directory: read at most once at a time, kept ten minutes; the last good list outlives a transient failure. */
export function createTenantDirectory(deps: DirectoryDeps, wanted: WantedTenants): TenantDirectory {
  const flight = new SingleFlight<Held>();
  const copies: ListCopies = new Map();
  let held: Held | undefined;
  let refreshedSinceMs = 0;

  const isUsable = ({ list }: Held): boolean => deps.clock.nowMs() - list.asOfMs <= usableMs;

  const read = async (signal: AbortSignal): Promise<Held> => {
    const nowMs = deps.clock.nowMs();
    try {
      const [read, chosen] = await Promise.all([
        readTenantLists(deps, copies, signal),
        resolveSelection(deps.domains, wanted, signal),
      ]);
      const tenants = uniteTenants(read.lists, chosen.selection, nowMs);
      const warnings = [...read.warnings, ...chosen.warnings];
      const complete = read.state !== 'incomplete';
      const keptMs = read.state === 'fresh' ? freshMs : retryMs;
      held = hold({ tenants, warnings, complete, asOfMs: nowMs }, deps.clock.nowMs() + keptMs);
    } catch (thrown) {
      if (held === undefined || !toBrokerError(thrown).transient || !isUsable(held)) throw thrown;
      deps.log.log('warn', 'tenants.kept_old_list', { ageMs: nowMs - held.list.asOfMs, ...errorFields(thrown) });
      const warning = `The list could not be refreshed (${toBrokerError(thrown).code}); this one is from ${isoTime(held.list.asOfMs)}.`;
      return (held = hold({ ...held.list, warnings: [warning] }, deps.clock.nowMs() + retryMs));
    }
    return held;
  };
  const current = async (signal: AbortSignal | undefined, known = false): Promise<Held> => {
    const last = held;
    if (last !== undefined && deps.clock.nowMs() < last.staleAtMs) return last;
    if (flight.size === 0) refreshedSinceMs = deps.clock.nowMs();
    if (last === undefined || !isUsable(last)) return flight.run('', read, signal);
    const waitMs = refreshedSinceMs + (known ? patienceMs.known : patienceMs.list) - deps.clock.nowMs();
    // Not under their signal: the refresh goes on when those who asked for it have their answer.
    const refreshed = (): Promise<Held> => flight.run('', read);
    return withinOr(deps.clock, waitMs, refreshed, () => meanwhile(last), signal);
  };
  const tenantOf = async (domain: DomainName, signal?: AbortSignal): Promise<TenantId | undefined> => {
    try {
      return await deps.domains.tenantOf(domain, signal);
    } catch (thrown) {
      if (signal?.aborted === true || !toBrokerError(thrown).transient) throw thrown;
      const claimant = (await current(signal, held?.byDomain.has(domain))).byDomain.get(domain);
      if (claimant === undefined) throw thrown;
      return claimant;
    }
  };

  return {
    list: async (signal) => (await current(signal)).list.tenants,
    snapshot: async (signal) => (await current(signal)).list,
    find: async (reference, signal) => {
      const domain = parseDomainName(reference);
      const tenantId = parseTenantId(reference) ?? (domain && (await tenantOf(domain, signal)));
      if (tenantId === undefined) return undefined;
      // Whom the list does not know, or keeps out, may have come since: that is worth the longer wait.
      const { list, byId } = await current(signal, held?.byId.get(tenantId)?.reachable);
      const found = byId.get(tenantId);
      if (found === undefined && !list.complete) throw incompleteList(list);
      return found;
    },
    tenantOf,
    excludes: async (tenantId, signal) =>
      (await resolveSelection(deps.domains, wanted, signal)).selection.exclude.has(tenantId),
    refresh: () => {
      if (held !== undefined) held = { ...held, staleAtMs: 0 };
    },
  };
}

/** The last good list, while a refresh takes its time. */
function meanwhile({ list, ...rest }: Held): Held {
  const warning = `The list is still being refreshed; this one is from ${isoTime(list.asOfMs)}.`;
  return { ...rest, list: { ...list, warnings: [...list.warnings, warning] } };
}

/** Whoever is not found in such a list may be a customer all the same: come back when it can be read. */
export const incompleteList = ({ warnings }: TenantList): BrokerError =>
  new BrokerError('directory_unavailable', warnings.join(' '), { retryAfterSeconds: retryMs / 1000 });

function hold(list: TenantList, staleAtMs: number): Held {
  const byId = new Map(list.tenants.map((tenant) => [tenant.tenantId, tenant]));
  const byDomain = new Map<DomainName, TenantId>();
  const claimed = new Set<DomainName>();
  for (const { tenantId, defaultDomain } of list.tenants) {
    if (defaultDomain === undefined) continue;
    // A list that gives a domain to two tenants is out of date for one of them, and does not say for which.
    if (claimed.has(defaultDomain)) byDomain.delete(defaultDomain);
    else byDomain.set(defaultDomain, tenantId);
    claimed.add(defaultDomain);
  }
  return { list, byId, byDomain, staleAtMs };
}

/** Fewer than the domain resolver takes at a time: a long list must not make everybody else's question wait. */
const sideBySide = 4;

/**
 * The tenants that a caller names, each once, in the order of the directory.
 * @throws BrokerError tenant_unknown for the first that the directory does not know, or what the directory threw for it;
 * what comes later in the list is not asked for any more.
 */
export async function selectTenants(
  directory: TenantDirectory,
  references: readonly string[],
  signal?: AbortSignal,
): Promise<readonly DelegatedTenant[]> {
  const wanted = new Set<TenantId>();
  for (let first = 0; first < references.length; first += sideBySide) {
    const few = references.slice(first, first + sideBySide);
    const found = await Promise.allSettled(few.map((reference) => directory.find(reference, signal)));
    for (const [index, each] of found.entries()) {
      if (each.status === 'rejected') throw each.reason;
      if (each.value === undefined)
        throw new BrokerError('tenant_unknown', `"${few[index]?.slice(0, 100)}" is not among the customer tenants.`);
      wanted.add(each.value.tenantId);
    }
  }
  return (await directory.list(signal)).filter(({ tenantId }) => wanted.has(tenantId));
}
