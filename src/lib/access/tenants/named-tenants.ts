import { type Caller, callerIdOf } from '../../core/caller.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import type { TenantTags } from '../../tenants/tags.ts';
import type { DelegatedTenant } from '../../tenants/tenant.ts';
import type { PolicyStore } from '../policy/policy-store.ts';
import {
  requestedProblems,
  type RequestedTenants,
  candidatesOf,
  requestedSelection,
  knowGroups,
  knowTenants,
  knowTenantsForLimited,
  notFound,
  selectTenants,
} from './selected-tenants.ts';
import { selects, noGroups, type TenantSelection, type TenantGroups } from './tenant-set.ts';
import { isVisible, visibleTenants, type VisibleTenants } from './visible-tenants.ts';

/** Who names tenants, and the tenants that it may see. */
export interface Reader {
  readonly caller: Caller;
  readonly visible: VisibleTenants;
}

/** What it takes to find out which tenants a caller names. */
export interface NamedTenantsDeps {
  readonly callers: { readonly policy: PolicyStore };
  readonly directory: TenantDirectory;
  readonly tenantTags: Pick<TenantTags, 'current'>;
}

/**
 * The groups of the policy that a caller may know about: all, or those that contain a tenant that it may read.
 * @throws BrokerError if what the groups contain cannot be found out.
 */
async function visibleGroups(deps: NamedTenantsDeps, visible: VisibleTenants): Promise<TenantGroups> {
  const { groups } = (await deps.callers.policy.current()).policy;
  if (visible === '*' || groups.size === 0) return groups;
  if (visible.size === 0) return noGroups;
  const groupsOf = await knowGroups(deps, groups);
  const open = new Set([...visible].flatMap(groupsOf));
  return new Map([...groups].filter(([group]) => open.has(group)));
}

/**
 * What a caller asks for, by the groups of the policy in force.
 * @throws BrokerError request_invalid for wrong entries and unknown groups, or as `visibleGroups` does.
 */
export async function selectionFor(
  deps: NamedTenantsDeps,
  visible: VisibleTenants,
  requested: RequestedTenants,
): Promise<TenantSelection> {
  const { groups } = (await deps.callers.policy.current()).policy;
  const namesGroup = [...(requested.tenants ?? []), ...(requested.except ?? [])].some((entry) =>
    entry.startsWith('group:'),
  );
  return requestedSelection(requested, groups, namesGroup ? await visibleGroups(deps, visible) : groups);
}

/** The tenants that a caller asks for. */
export interface SelectedTenants {
  readonly isSelected: (tenantId: TenantId) => boolean;
  /** Contains all of them. Undefined: any customer may be one. */
  readonly among: ReadonlySet<TenantId> | undefined;
}

/**
 * The tenants that a caller asks for.
 * @throws BrokerError as {@link selectionFor} does; storage_unavailable, or a failure to find out the tenant of a domain.
 */
export async function selectedBy(
  deps: NamedTenantsDeps,
  { caller, visible }: Reader,
  requested: RequestedTenants,
): Promise<SelectedTenants> {
  const selection = await selectionFor(deps, visible, requested);
  const known =
    visible === '*'
      ? await knowTenants(deps, [selection], callerIdOf(caller))
      : await knowTenantsForLimited(deps, selection, callerIdOf(caller));
  return {
    isSelected: (tenantId) => selects(selection, known.factsOf(tenantId)),
    among: selection.tenants.all ? undefined : new Set(candidatesOf(selection, known)),
  };
}

/**
 * The tenants that a reader of runs asks for. Undefined: all.
 * @throws BrokerError caller_forbidden for a group or tag without the role Tenants.Read, and like `selectedBy`.
 */
export async function requestedBy(
  deps: NamedTenantsDeps,
  reader: Reader,
  requested: RequestedTenants,
): Promise<SelectedTenants | undefined> {
  if (requested.tenants === undefined && requested.except === undefined) return undefined;
  const named = [...(requested.tenants ?? []), ...(requested.except ?? [])];
  // The answer tells who is in a group or has a tag.
  if (named.some((entry) => /^(?:group|tag):/.test(entry)) && !reader.caller.roles.includes('Tenants.Read'))
    throw new BrokerError('caller_forbidden', 'Choosing by group or tag needs the app role Tenants.Read.', {
      lacks: 'role',
    });
  return selectedBy(deps, reader, requested);
}

/**
 * The id of a tenant that a caller names by its id or a domain. While Entra does not answer, the lists know the domains of
 * customers only, so a failure for all others would tell a caller whose reading is limited who is a customer. Such a
 * caller gets undefined then.
 * @returns undefined if no tenant has the domain, or if the text is neither an id nor a domain.
 * @throws BrokerError as `TenantDirectory.tenantOf` does, to a caller without a limit.
 */
export async function tenantIdFor(
  { directory }: { readonly directory: Pick<TenantDirectory, 'tenantOf'> },
  reader: Reader,
  reference: string,
): Promise<TenantId | undefined> {
  const [tenantId, domain] = [parseTenantId(reference), parseDomainName(reference)];
  if (tenantId !== undefined || domain === undefined) return tenantId;
  try {
    return await directory.tenantOf(domain, undefined, callerIdOf(reader.caller));
  } catch (thrown) {
    if (reader.visible === '*' || !(thrown instanceof BrokerError) || !thrown.transient) throw thrown;
    return undefined;
  }
}

/**
 * The id of the tenant that a caller names in a path, for what outlives its place in the directory.
 * @throws BrokerError request_invalid; tenant_unknown, also for a tenant that the caller may not read; entra_unavailable.
 */
export async function findVisible(deps: NamedTenantsDeps, reader: Reader, reference: string): Promise<TenantId> {
  const tenantId = await visibleIdOf(deps, reader, reference);
  if (tenantId !== undefined) return tenantId;
  throw new BrokerError('tenant_unknown', 'No tenant that this caller may read has this id or domain.');
}

async function visibleIdOf(deps: NamedTenantsDeps, reader: Reader, reference: string): Promise<TenantId | undefined> {
  if (parseTenantId(reference) === undefined && parseDomainName(reference) === undefined)
    throw new BrokerError('request_invalid', 'The tenant must be given by its id or one of its domains.');
  const tenantId = await tenantIdFor(deps, reader, reference);
  return isVisible(reader.visible, tenantId) ? tenantId : undefined;
}

/**
 * Finds the customer that a caller names in a path. The same failure for a tenant that the caller may not read and for one
 * that is no customer, also while domains cannot be looked up.
 * @throws BrokerError request_invalid, tenant_unknown, or an error of the directory.
 */
export async function findCustomer(
  deps: NamedTenantsDeps,
  reader: Reader,
  reference: string,
): Promise<DelegatedTenant> {
  const tenantId = await visibleIdOf(deps, reader, reference);
  const found = tenantId && (await deps.directory.find(tenantId));
  if (found) return found;
  throw new BrokerError(
    'tenant_unknown',
    reader.visible === '*' || parseTenantId(reference) !== undefined
      ? 'The tenant is not among the customer tenants.'
      : 'No customer tenant that this caller may read has this domain, or the domain cannot be looked up now. Use the id of the tenant.',
  );
}

/** A reader of whom it is said why it may name no other tenant. */
interface LimitedReader extends Reader {
  readonly limit: string;
}

/** The tenants of a new run, as `startRun` takes them. */
export interface TenantsToVisit {
  readonly tenants?: readonly TenantId[];
  readonly choice?: RequestedTenants;
  readonly asked?: RequestedTenants;
}

/**
 * Reads what a request for a run names. Tenants that are named by id or domain must exist, because in `except` a wrong one
 * would take nothing away. Groups and tags are resolved when the run is planned; for a caller whose reading is limited they
 * are resolved now, to tenants that it may read. The answer to it does not tell whether another tenant exists or has a tag.
 * @throws BrokerError request_invalid for wrong entries, unknown groups, and if no customer is left; tenant_unknown;
 * caller_forbidden, or like `selectTenants`, `knowTenants` and `visibleTenants`.
 */
export async function tenantsToVisit(
  deps: NamedTenantsDeps,
  caller: Caller,
  requested: RequestedTenants,
): Promise<TenantsToVisit> {
  const reader: LimitedReader = { caller, visible: await visibleTenants(deps, caller), limit: 'that it may read' };
  if (isForAll(requested) && reader.visible !== '*') throw notAllowed(reader);
  return tenantsAmong(deps, reader, requested);
}

const isForAll = ({ tenants }: RequestedTenants): boolean =>
  tenants === undefined || (tenants.length === 1 && tenants[0] === '*');

/** As {@link tenantsToVisit} for given limits. A caller with a limit that names no tenants gets those within it. */
export async function tenantsAmong(
  deps: NamedTenantsDeps,
  reader: LimitedReader,
  { tenants: named, except: excepted }: RequestedTenants,
): Promise<TenantsToVisit> {
  const { visible } = reader;
  const [problem] = visible === '*' ? [] : requestedProblems({ tenants: named, except: excepted });
  // Malformed entries are always reported.
  if (problem !== undefined) throw new BrokerError('request_invalid', problem);
  const tenants = isForAll({ tenants: named }) ? undefined : named;
  const except = excepted?.length === 0 ? undefined : excepted;
  if (tenants === undefined && except === undefined)
    return visible === '*' ? {} : { tenants: await selectedNow(deps, reader, {}) };
  const requested = { ...(tenants && { tenants }), ...(except && { except }) };
  const namesOnly = tenants?.every(isName) === true;
  // The most frequent request, and its answer to what is neither an id nor a domain.
  if (namesOnly && except === undefined) return { tenants: await idsOf(deps, reader, tenants), asked: requested };
  const byId = await withIds(deps, reader, requested);
  const selected = await selectedNow(deps, reader, byId);
  if (visible !== '*') return { tenants: selected, asked: requested };
  if (!namesOnly) return { choice: byId, asked: requested };
  return { tenants: await idsOf(deps, reader, tenants), choice: { except: byId.except }, asked: requested };
}

const isName = (entry: string): boolean => entry !== '*' && !entry.startsWith('group:') && !entry.startsWith('tag:');

/** Checks the entries, and replaces domains by the ids of their tenants. */
async function withIds(
  deps: NamedTenantsDeps,
  reader: LimitedReader,
  requested: RequestedTenants,
): Promise<RequestedTenants> {
  await selectionFor(deps, reader.visible, requested);
  const resolved = async (entries: readonly string[] | undefined): Promise<readonly string[] | undefined> =>
    entries && [...(await idsOf(deps, reader, entries.filter(isName))), ...entries.filter((entry) => !isName(entry))];
  const [tenants, except] = [await resolved(requested.tenants), await resolved(requested.except)];
  return { ...(tenants && { tenants }), ...(except && { except }) };
}

/** The customers that are selected now. @throws BrokerError if there is none. */
async function selectedNow(
  deps: NamedTenantsDeps,
  reader: LimitedReader,
  requested: RequestedTenants,
): Promise<readonly TenantId[]> {
  const { caller, visible } = reader;
  const selection = await selectionFor(deps, visible, requested);
  const known = await knowTenants(deps, [selection], callerIdOf(caller));
  const customers = (await deps.directory.list()).map(({ tenantId }) => tenantId);
  const selected = customers.filter((id) => isVisible(visible, id) && selects(selection, known.factsOf(id)));
  if (selected.length > 0) return selected;
  if (visible !== '*') throw notAllowed(reader);
  throw new BrokerError(
    'request_invalid',
    ['`tenants` and `except` leave no customer to visit.', ...notFound([selection], known, { suggests: true })].join(
      ' ',
    ),
  );
}

/** The ids of customers that are named by id or domain. */
async function idsOf(
  deps: NamedTenantsDeps,
  reader: LimitedReader,
  names: readonly string[],
): Promise<readonly TenantId[]> {
  if (names.length === 0) return [];
  const { caller, visible } = reader;
  if (visible === '*') return onlyIds(await selectTenants(deps.directory, names, undefined, callerIdOf(caller)));
  const wanted: TenantId[] = [];
  for (const name of names) {
    const tenantId = await tenantIdFor(deps, reader, name);
    // The directory is not asked about a tenant that the caller may not read: its failure would tell who is a customer.
    if (tenantId === undefined || !isVisible(visible, tenantId)) throw notAllowed(reader);
    wanted.push(tenantId);
  }
  const selected = await selectTenants(deps.directory, wanted, undefined, callerIdOf(caller)).catch(hideUnknown);
  if (selected.length > 0) return onlyIds(selected);
  throw notAllowed(reader);
}

const notAllowed = ({ limit }: LimitedReader): BrokerError =>
  new BrokerError(
    'caller_forbidden',
    `This caller may act only on tenants ${limit}. Name such tenants in \`tenants\`, by id, domain, group or tag; in \`except\`, name no other tenant.`,
  );

const onlyIds = (tenants: readonly { readonly tenantId: TenantId }[]): TenantId[] =>
  tenants.map(({ tenantId }) => tenantId);

function hideUnknown(thrown: unknown): [] {
  if (thrown instanceof BrokerError && thrown.code === 'tenant_unknown') return [];
  throw thrown;
}
