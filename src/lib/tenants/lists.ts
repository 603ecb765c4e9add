import { dayMs, isoTime } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { type Kept, KeptCopy } from '../core/kept-copy.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { CloudEndpoints, ResourceRegistry } from '../core/resources.ts';
import type { TokenSource } from '../core/secrets.ts';
import type { Binding, ExchangeDeps } from '../microsoft/exchange.ts';
import { createGraphClient } from '../microsoft/graph.ts';
import { createPartnerCenterClient } from '../microsoft/partner-center.ts';
import { roleName } from '../microsoft/directory-roles.ts';
import { type JsonObject, objectOf, objectsIn, textOf } from '../core/objects.ts';
import type { ServedTenants } from './selection.ts';
import { type DelegatedTenant, type ReachabilityReason, type TenantSource, tenantSources } from './tenant.ts';

/** The combined result of all GDAP relationships with one customer. */
interface GdapState {
  readonly tenantId: TenantId;
  readonly name: string | undefined;
  readonly reason: ReachabilityReason;
  readonly active: boolean;
  readonly startsAtMs: number | undefined;
  readonly endsAtMs: number | undefined;
  readonly renews: boolean;
  readonly roles: readonly string[];
}

interface Relationship {
  readonly tenantId: TenantId;
  readonly name: string | undefined;
  readonly status: string;
  readonly startsAtMs: number | undefined;
  readonly endsAtMs: number | undefined;
  readonly renewsItself: boolean;
  /** Template ids of all its roles. They are fixed when it is created. */
  readonly roleIds: readonly string[];
  readonly microsoftLed: boolean;
}

/** Partner Center sends a mail 30 days before the end ("Granular delegated admin privileges expiring notifications"). */
const expiringSoonMs = 30 * dayMs;

/**
 * One state per customer. A customer often has several relationships, some of which have ended. Any active one gives
 * access, and the latest end counts.
 */
export function gdapStates(items: readonly JsonObject[], nowMs: number): Map<TenantId, GdapState> {
  const byTenant = Map.groupBy(
    items.flatMap((item) => parseRelationship(item) ?? []),
    ({ tenantId }) => tenantId,
  );
  return new Map([...byTenant].map(([tenantId, relationships]) => [tenantId, stateOf(tenantId, relationships, nowMs)]));
}

/** A `delegatedAdminRelationship`. Undefined if it has no customer yet (a request that no customer has opened). */
export function parseRelationship(item: JsonObject): Relationship | undefined {
  const customer = objectOf(item, 'customer');
  const tenantId = parseTenantId(customer?.['tenantId']);
  if (tenantId === undefined) return undefined;
  const timeOf = (name: string): number | undefined => {
    const ms = Date.parse(textOf(item, name) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  const extension = textOf(item, 'autoExtendDuration') ?? 'P0D';
  return {
    tenantId,
    name: textOf(customer, 'displayName'),
    status: textOf(item, 'status') ?? 'unknown',
    startsAtMs: timeOf('activatedDateTime'),
    endsAtMs: timeOf('endDateTime'),
    renewsItself: !/^P(?:T?0[DS])$/.test(extension),
    roleIds: roleIdsOf(item),
    microsoftLed: (textOf(item, 'displayName') ?? '').startsWith('MLT_'),
  };
}

/** Template ids of the roles of a relationship or of one of its assignments. */
export const roleIdsOf = (item: JsonObject): readonly string[] =>
  objectsIn(objectOf(item, 'accessDetails')?.['unifiedRoles']).flatMap(
    (role) => textOf(role, 'roleDefinitionId')?.toLowerCase() ?? [],
  );

/** "expiring" is still active. The status may lag behind the end date, so the date decides. */
export const isActive = ({ status, endsAtMs, microsoftLed }: Relationship, nowMs: number): boolean =>
  !microsoftLed && (status === 'active' || status === 'expiring') && (endsAtMs === undefined || endsAtMs > nowMs);

function stateOf(tenantId: TenantId, relationships: readonly Relationship[], nowMs: number): GdapState {
  const active = relationships.filter((relationship) => isActive(relationship, nowMs));
  const counted = active.length > 0 ? active : relationships;
  const starts = counted.flatMap(({ startsAtMs }) => startsAtMs ?? []);
  const ends = counted.flatMap(({ endsAtMs }) => endsAtMs ?? []);
  const endsAtMs = ends.length === 0 ? undefined : Math.max(...ends);
  const renewed = active.some(({ renewsItself, endsAtMs: end }) => renewsItself || end === undefined);
  const soon = !renewed && endsAtMs !== undefined && endsAtMs - nowMs < expiringSoonMs;
  return {
    tenantId,
    name: relationships.find(({ name }) => name)?.name,
    active: active.length > 0,
    reason: active.length === 0 ? whyNot(relationships, nowMs) : soon ? 'gdap_expiring' : 'gdap_active',
    startsAtMs: starts.length === 0 ? undefined : Math.min(...starts),
    endsAtMs,
    renews: renewed,
    roles: [...new Set(active.flatMap(({ roleIds }) => roleIds.map(roleName)))].toSorted(),
  };
}

const pendingStatuses = new Set(['created', 'approvalPending', 'approved', 'activating']);
const endedStatuses = new Set(['terminationRequested', 'terminating', 'terminated']);

/** The most useful reason: a pending request before an ended relationship, a transition relationship last. */
function whyNot(relationships: readonly Relationship[], nowMs: number): ReachabilityReason {
  const own = relationships.filter(({ microsoftLed }) => !microsoftLed);
  if (own.length === 0) return 'gdap_microsoft_led';
  if (own.some(({ status }) => pendingStatuses.has(status))) return 'gdap_pending';
  const latest = own.toSorted((a, b) => (b.endsAtMs ?? nowMs) - (a.endsAtMs ?? nowMs))[0];
  return latest !== undefined && endedStatuses.has(latest.status) ? 'gdap_terminated' : 'gdap_expired';
}

/** The items of the three lists as received. */
export interface TenantLists {
  readonly relationships: readonly JsonObject[];
  readonly contracts: readonly JsonObject[];
  readonly customers: readonly JsonObject[];
}

/** The facts that the lists have about one tenant. */
interface Entry {
  readonly tenantId: TenantId;
  readonly names: Partial<Record<TenantSource, string>>;
  readonly domains: Partial<Record<TenantSource, DomainName>>;
  reseller: boolean;
}

/** Merges the lists by tenant id. Each tenant has the reason why it is or is not reachable. Sorted by name, then id. */
export function uniteTenants(lists: TenantLists, selection: ServedTenants, nowMs: number): DelegatedTenant[] {
  const states = gdapStates(lists.relationships, nowMs);
  const entries = collect(lists, states);
  const tenants = [...entries.values()].map((entry) => decide(entry, states.get(entry.tenantId), selection));
  return tenants.toSorted(
    (a, b) => compare(a.name.toLowerCase(), b.name.toLowerCase()) || compare(a.tenantId, b.tenantId),
  );
}

// Does not use the locale: indexes into the sorted list are stored, so the order must be the same on every machine.
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function collect(lists: TenantLists, states: Map<TenantId, GdapState>): Map<TenantId, Entry> {
  const entries = new Map<TenantId, Entry>();
  const at = (tenantId: TenantId, source: TenantSource, name: string | undefined): Entry => {
    const entry = entries.get(tenantId) ?? { tenantId, names: {}, domains: {}, reseller: false };
    entries.set(tenantId, entry);
    entry.names[source] ??= name?.trim() ?? '';
    return entry;
  };
  for (const { tenantId, name } of states.values()) at(tenantId, 'relationships', name);
  for (const contract of lists.contracts) {
    const tenantId = parseTenantId(contract['customerId']);
    if (tenantId === undefined) continue;
    const entry = at(tenantId, 'contracts', textOf(contract, 'displayName'));
    noteDomain(entry, 'contracts', contract['defaultDomainName']);
    entry.reseller = true;
  }
  for (const customer of lists.customers) {
    const profile = objectOf(customer, 'companyProfile');
    const tenantId = parseTenantId(profile?.['tenantId'] ?? customer['id']);
    if (tenantId === undefined) continue;
    const entry = at(tenantId, 'partner-center', textOf(profile, 'companyName'));
    noteDomain(entry, 'partner-center', profile?.['domain']);
    entry.reseller ||= textOf(customer, 'relationshipToPartner')?.toLowerCase() === 'reseller';
  }
  return entries;
}

/** Keeps the first valid domain of each list. */
function noteDomain({ domains }: Entry, source: TenantSource, value: unknown): void {
  const domain = domains[source] ?? parseDomainName(value);
  if (domain !== undefined) domains[source] = domain;
}

function decide(entry: Entry, gdap: GdapState | undefined, selection: ServedTenants): DelegatedTenant {
  const { tenantId, names, domains, reseller } = entry;
  const { include, exclude } = selection;
  // A contract has the name and domain of the day on which it was signed, so it comes last.
  const domain = domains['partner-center'] ?? domains.contracts;
  const relationship = gdap ? 'gdap' : reseller ? 'dap' : 'none';
  const own: ReachabilityReason =
    gdap?.reason ??
    (reseller ? (selection.withoutGdap === 'allow' ? 'reseller_contract' : 'no_gdap') : 'no_relationship');
  const reason: ReachabilityReason = exclude.has(tenantId)
    ? 'excluded'
    : include !== 'all' && !include.has(tenantId)
      ? 'not_included'
      : own;
  return {
    tenantId,
    name: names['partner-center'] || names.relationships || names.contracts || domain || tenantId,
    defaultDomain: domain,
    relationship,
    ...(gdap?.startsAtMs === undefined ? {} : { relationshipStartedAtMs: gdap.startsAtMs }),
    ...(gdap?.endsAtMs === undefined ? {} : { relationshipEndsAtMs: gdap.endsAtMs }),
    ...(gdap?.active === true ? { relationshipRenews: gdap.renews } : {}),
    ...(gdap === undefined || gdap.roles.length === 0 ? {} : { roles: gdap.roles }),
    reachable: reason === own && (gdap?.active ?? own === 'reseller_contract'),
    reason,
    sources: tenantSources.filter((source) => names[source] !== undefined),
  };
}

export interface ListsDeps extends ExchangeDeps {
  readonly tokens: TokenSource;
  readonly resources: ResourceRegistry;
  readonly endpoints: Pick<CloudEndpoints, 'graph' | 'partnerCenter'>;
  readonly partnerTenantId: TenantId;
  readonly newId: () => string;
  readonly log: Logger;
}

/** Graph returns at most 300 relationships per page. */
const relationshipsPath =
  '/tenantRelationships/delegatedAdminRelationships?$top=300&$select=id,displayName,customer,status,activatedDateTime,endDateTime,autoExtendDuration,accessDetails';
/** Without `$top`, Graph returns 100 contracts per page, one after another. */
const contractsPath = '/contracts?$top=999&$select=customerId,defaultDomainName,displayName,contractType';

/** Maximum age of a list that is used while Microsoft does not answer. */
export const usableMs = dayMs;

interface ReadLists {
  readonly lists: TenantLists;
  readonly warnings: readonly string[];
  /** `old`: a list is an earlier copy. `incomplete`: a list failed temporarily and has no usable copy. */
  readonly state: 'fresh' | 'old' | 'incomplete';
  /** Lists to which access is refused. They may contain customers that no other list contains. */
  readonly refused: readonly TenantSource[];
}

type Items = readonly JsonObject[];

/**
 * Reads all three lists of customers as the partner's service account. The relationships are required, because they decide which
 * tenants are reachable. The other two add names, domains and customers without GDAP. If access to one of these is refused, that
 * is a warning. If one fails temporarily, its last good copy is used, so that customers that appear only there do not disappear.
 * @returns a function that throws BrokerError directory_unavailable if the relationships cannot be read or are empty. A failure
 * of the credential is thrown unchanged.
 */
export function createTenantListReader(deps: ListsDeps): (signal?: AbortSignal) => Promise<ReadLists> {
  const contracts = optionalList(deps, 'contracts', 'The list of contracts');
  const customers = optionalList(deps, 'partner-center', 'The list of Partner Center customers');
  return async (signal) => {
    const graph = createGraphClient(deps, bind(deps, 'graph', signal));
    const partnerCenter = createPartnerCenterClient(deps, bind(deps, 'partner-center', signal));
    const [relationships, ...optional] = await Promise.all([
      readRelationships(graph.list(relationshipsPath)),
      contracts(() => Array.fromAsync(graph.list(contractsPath)), signal),
      customers(() => Array.fromAsync(partnerCenter.list('/v1/customers?size=500')), signal),
    ]);
    const states = optional.map(({ state }) => state);
    return {
      lists: { relationships, contracts: optional[0].items, customers: optional[1].items },
      warnings: optional.flatMap(({ warning }) => warning ?? []),
      state: states.includes('incomplete') ? 'incomplete' : states.includes('old') ? 'old' : 'fresh',
      refused: optional.flatMap(({ refused }) => refused ?? []),
    };
  };
}

/** Access to one of the two APIs as the partner's service account. */
function bind(deps: ListsDeps, alias: 'graph' | 'partner-center', signal?: AbortSignal): Omit<Binding, 'peer'> {
  const correlationId = deps.newId();
  const wanted = {
    tenantId: deps.partnerTenantId,
    resource: deps.resources.get(alias),
    grant: 'delegated',
    application: 'default',
    minimumLifetimeSeconds: 300,
    correlationId,
  } as const;
  return {
    baseUrl: alias === 'graph' ? deps.endpoints.graph : deps.endpoints.partnerCenter,
    correlationId,
    signal,
    token: async () => (await deps.tokens.getToken(wanted, signal)).secret,
  };
}

interface OptionalList {
  readonly items: Items;
  readonly state: ReadLists['state'];
  readonly warning?: string;
  readonly refused?: TenantSource;
}

/** Reads a list whose last good copy is used while it fails temporarily. */
function optionalList(deps: ListsDeps, source: TenantSource, name: string) {
  const copy = new KeptCopy<Items>(deps, {
    freshMs: () => 0,
    usableMs,
    pauseMs: () => 0,
    outlives: (failure) => toBrokerError(failure).transient && toBrokerError(failure).scope !== 'credential',
  });
  return async (load: () => Promise<Items>, signal: AbortSignal | undefined): Promise<OptionalList> => {
    let failure: unknown;
    let kept: Kept<Items> | undefined;
    try {
      kept = await copy.get(load, { signal });
      if (kept.failure === undefined) return { items: kept.value, state: 'fresh' };
      failure = kept.failure;
    } catch (thrown) {
      signal?.throwIfAborted();
      failure = thrown;
    }
    const error = toBrokerError(failure);
    if (error.scope === 'credential') throw error;
    deps.log.log('warn', 'tenants.list_failed', { list: name, ...errorFields(failure) });
    const problem = `${name} could not be read (${error.code}): ${error.detail}`;
    if (kept !== undefined)
      return { items: kept.value, state: 'old', warning: `${problem} The copy from ${isoTime(kept.asOfMs)} is used.` };
    return {
      items: [],
      state: error.transient ? 'incomplete' : 'fresh',
      warning: `${problem} Customers that appear only in this list are missing.`,
      refused: source,
    };
  };
}

async function readRelationships(items: AsyncIterable<JsonObject>): Promise<Items> {
  const relationships = await Array.fromAsync(items).catch((thrown: unknown): never => {
    const error = toBrokerError(thrown);
    const { code, detail, retryAfterSeconds, logFields } = error;
    if (error.scope === 'credential' || code === 'internal') throw error;
    const problem = `The delegated relationships cannot be read (${code}): ${detail}`;
    throw new BrokerError('directory_unavailable', problem, { cause: thrown, retryAfterSeconds, logFields });
  });
  // Graph answers 200 with an empty list to accounts outside AdminAgents (microsoft-graph-docs issue 8921).
  if (relationships.length > 0) return relationships;
  throw new BrokerError(
    'directory_unavailable',
    'Microsoft Graph returned an empty list of delegated relationships. It does so for accounts that are not in the group AdminAgents.',
  );
}
