import { isoTime, minuteMs } from '../core/clock.ts';
import { type Kept, KeptCopy, type Load } from '../core/kept-copy.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { errorFields } from '../core/log.ts';
import type { DomainResolver } from './domain-resolver.ts';
import type { ExcludedDomains } from './excluded-domains.ts';
import { createTenantListReader, type ListsDeps, uniteTenants, usableMs } from './lists.ts';
import { resolveServedTenants, type WantedTenants } from './selection.ts';
import type { DelegatedTenant, TenantSource } from './tenant.ts';

/** The list of tenants at one point in time. */
export interface TenantList {
  /** Sorted by name. Contains unreachable and excluded tenants too, with their reason. */
  readonly tenants: readonly DelegatedTenant[];
  /** What is missing or outdated in this list, in sentences. */
  readonly warnings: readonly string[];
  /** False if a source failed and has no usable copy, so that customers may be missing. */
  readonly complete: boolean;
  readonly asOfMs: number;
}

/** The customers that have delegated administration to the partner. */
export interface TenantDirectory {
  /** @throws BrokerError directory_unavailable, or a failure of the credential, if no list is usable. */
  list(signal?: AbortSignal): Promise<readonly DelegatedTenant[]>;
  /** The list with its warnings and its time. @throws as `list` does. */
  snapshot(signal?: AbortSignal): Promise<TenantList>;
  /** The customers in the last good list for which tokens may be issued. Loads nothing. */
  reachable(): readonly TenantId[];
  /**
   * Finds a tenant by its id or by any of its domains.
   * @returns undefined if no list contains the tenant, or if the text is neither an id nor a domain.
   * @throws BrokerError as `list` and `tenantOf` do; directory_unavailable if the tenant may be on a missing list.
   */
  find(tenantIdOrDomain: string, signal?: AbortSignal, callerId?: string): Promise<DelegatedTenant | undefined>;
  /**
   * Resolves a domain to its tenant, customer or not. Entra decides. While Entra does not answer, the lists decide if
   * exactly one tenant is listed with the domain.
   * @param callerId for whom the domain is looked up. Lookups of one caller do not delay those of another.
   * @returns undefined if no tenant has the domain.
   * @throws BrokerError entra_unavailable if neither Entra nor the lists decide.
   */
  tenantOf(domain: DomainName, signal?: AbortSignal, callerId?: string): Promise<TenantId | undefined>;
  /**
   * As `tenantOf`, by Entra alone. Whether it fails says nothing about the lists.
   * @throws BrokerError entra_unavailable.
   */
  tenantByEntra(domain: DomainName, signal?: AbortSignal, callerId?: string): Promise<TenantId | undefined>;
  /**
   * Whether TENANTS_EXCLUDE contains the tenant. Use it for the partner's own tenant, which is on no list.
   * @throws BrokerError directory_unavailable while a domain in TENANTS_EXCLUDE cannot be resolved.
   */
  excludes(tenantId: TenantId, signal?: AbortSignal): Promise<boolean>;
  /**
   * Warnings about domains in TENANTS_INCLUDE and TENANTS_EXCLUDE, from the last list of this process. Empty before the
   * first list. Reads nothing.
   */
  settingsWarnings(): readonly string[];
}

/** A read of all lists that Microsoft grants access to. */
export interface CompleteRead {
  readonly tenants: readonly DelegatedTenant[];
  /** Lists to which access is refused. Tenants that only they contain are missing. */
  readonly refused: readonly TenantSource[];
}

/** Reads the lists for those who compare them with an earlier read. */
export interface CompleteReads {
  /**
   * A read that began at or after a time of this process.
   * @returns undefined if there was none: a list failed, so that customers may be missing or outdated.
   * @throws as `TenantDirectory.list` does.
   */
  completeRead(sinceMs: number, signal?: AbortSignal): Promise<CompleteRead | undefined>;
}

/** A new relationship takes minutes to take effect anyway. A list of 5,000 tenants costs about 40 requests. */
const freshMs = 10 * minuteMs;
/** Time between a failed or incomplete load and the next one, while the last good list is used. */
const retryMs = minuteMs;
/**
 * How long a load may delay callers that the last good list can answer, from its start: a peer that accepts connections
 * and does not reply delays it for minutes. A token for a known tenant is worth a short wait. A run is planned from
 * the whole list, and reading 5,000 customers takes half a minute.
 */
const patienceMs = { known: 3_000, list: minuteMs };

export interface DirectoryDeps extends ListsDeps {
  readonly domains: DomainResolver;
  readonly excludedDomains: ExcludedDomains;
}

/** The merged lists with their indexes. */
interface Directory extends Omit<TenantList, 'asOfMs' | 'warnings'> {
  /** Warnings about the three lists. */
  readonly listWarnings: readonly string[];
  /** Warnings about domains in the settings. */
  readonly settingsWarnings: readonly string[];
  readonly byId: ReadonlyMap<TenantId, DelegatedTenant>;
  /** Default domains that belong to exactly one tenant according to the lists. */
  readonly byDomain: ReadonlyMap<DomainName, TenantId>;
  readonly freshMs: number;
  /** Whether each list was read now, or refused. */
  readonly isComplete: boolean;
  readonly refused: readonly TenantSource[];
}

/** A directory that loads the lists once for concurrent callers, and again after ten minutes. */
export function createTenantDirectory(deps: DirectoryDeps, wanted: WantedTenants): TenantDirectory & CompleteReads {
  const copy = createCopy(deps);
  const load = createLoad(deps, wanted);
  const current = (signal: AbortSignal | undefined, isKnown = false): Promise<Kept<Directory>> =>
    copy.get(load, { patienceMs: isKnown ? patienceMs.known : patienceMs.list, signal });

  const tenantOf: TenantDirectory['tenantOf'] = async (domain, signal, callerId) => {
    try {
      return await deps.domains.tenantOf(domain, signal, callerId);
    } catch (thrown) {
      if (signal?.aborted === true || !toBrokerError(thrown).transient) throw thrown;
      const { byDomain } = (await current(signal, copy.peek()?.value.byDomain.has(domain))).value;
      const tenantId = byDomain.get(domain);
      if (tenantId === undefined) throw thrown;
      return tenantId;
    }
  };

  return {
    list: async (signal) => (await current(signal)).value.tenants,
    snapshot: async (signal) => listOf(await current(signal)),
    reachable: () =>
      (copy.peek()?.value.tenants ?? []).filter(({ reachable }) => reachable).map(({ tenantId }) => tenantId),
    find: async (reference, signal, callerId) => {
      const domain = parseDomainName(reference);
      const tenantId = parseTenantId(reference) ?? (domain && (await tenantOf(domain, signal, callerId)));
      if (tenantId === undefined) return undefined;
      // A tenant that is unreachable or missing in the copy may be reachable in the new list, so wait longer for it.
      const kept = await current(signal, copy.peek()?.value.byId.get(tenantId)?.reachable);
      const found = kept.value.byId.get(tenantId);
      if (found === undefined && !kept.value.complete) throw incompleteList(listOf(kept));
      return found;
    },
    tenantOf,
    tenantByEntra: (domain, signal, callerId) => deps.domains.tenantOf(domain, signal, callerId),
    excludes: async (tenantId, signal) =>
      (await resolveServedTenants(deps, wanted, signal)).selection.exclude.has(tenantId),
    settingsWarnings: () => copy.peek()?.value.settingsWarnings ?? [],
    completeRead: (sinceMs, signal) => completeRead(copy, load, sinceMs, signal),
  };
}

async function completeRead(
  copy: KeptCopy<Directory>,
  load: Load<Directory>,
  sinceMs: number,
  signal: AbortSignal | undefined,
): Promise<CompleteRead | undefined> {
  // A read that was under way may be from before that time.
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { value, asOfMs, failure } = await copy.get(load, { freshMs: 0, signal });
    if (failure !== undefined || !value.isComplete) return undefined;
    if (asOfMs >= sinceMs) return { tenants: value.tenants, refused: value.refused };
  }
  return undefined;
}

const createCopy = (deps: DirectoryDeps): KeptCopy<Directory> =>
  new KeptCopy(deps, {
    freshMs: (directory) => directory.freshMs,
    usableMs,
    outlives: (failure) => toBrokerError(failure).transient,
    pauseMs: (_failure, isCopyServed) => (isCopyServed ? retryMs : 0),
    onKept: (failure, { asOfMs }) =>
      deps.log.log('warn', 'tenants.kept_old_list', { ageMs: deps.clock.nowMs() - asOfMs, ...errorFields(failure) }),
  });

function createLoad(deps: DirectoryDeps, wanted: WantedTenants): Load<Directory> {
  const readLists = createTenantListReader(deps);
  let reported = '';
  return async (signal) => {
    const nowMs = deps.clock.nowMs();
    const [read, chosen] = await Promise.all([readLists(signal), resolveServedTenants(deps, wanted, signal)]);
    // Only when they change, because the lists are read every ten minutes.
    const message = chosen.warnings.join(' ');
    if (message !== '' && message !== reported) deps.log.log('warn', 'tenants.domain_unresolved', { message });
    reported = message;
    const tenants = uniteTenants(read.lists, chosen.selection, nowMs);
    return {
      tenants,
      listWarnings: read.warnings,
      settingsWarnings: chosen.warnings,
      complete: read.state !== 'incomplete',
      freshMs: read.state === 'fresh' ? freshMs : retryMs,
      isComplete: read.state === 'fresh',
      refused: read.refused,
      ...indexesOf(tenants),
    };
  };
}

/** The list, with a warning if it could not be refreshed or is still being refreshed. */
function listOf({ value, asOfMs, failure, isLate }: Kept<Directory>): TenantList {
  const age = `this one is from ${isoTime(asOfMs)}.`;
  const warnings =
    failure === undefined
      ? value.listWarnings
      : [`The list could not be refreshed (${toBrokerError(failure).code}); ${age}`];
  const late = isLate ? [`The list is still being refreshed; ${age}`] : [];
  return {
    tenants: value.tenants,
    complete: value.complete,
    asOfMs,
    warnings: [...warnings, ...late, ...value.settingsWarnings],
  };
}

/** The error for a tenant that an incomplete list does not contain. It may still be a customer, so retry later. */
export const incompleteList = ({ warnings }: TenantList): BrokerError =>
  new BrokerError('directory_unavailable', warnings.join(' '), { retryAfterSeconds: retryMs / 1000 });

function indexesOf(tenants: readonly DelegatedTenant[]): Pick<Directory, 'byId' | 'byDomain'> {
  const byId = new Map(tenants.map((tenant) => [tenant.tenantId, tenant]));
  const byDomain = new Map<DomainName, TenantId>();
  const claimed = new Set<DomainName>();
  for (const { tenantId, defaultDomain } of tenants) {
    if (defaultDomain === undefined) continue;
    // If two tenants are listed with a domain, the list is outdated for one of them and does not show for which.
    if (claimed.has(defaultDomain)) byDomain.delete(defaultDomain);
    else byDomain.set(defaultDomain, tenantId);
    claimed.add(defaultDomain);
  }
  return { byId, byDomain };
}
