import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { type JsonObject, objectOf, textOf } from '../microsoft/reply.ts';
import { type GdapStanding, gdapStandings } from './relationships.ts';
import type { TenantSelection } from './selection.ts';
import { type DelegatedTenant, type ReachabilityReason, type TenantSource, tenantSources } from './tenant.ts';

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
export function uniteTenants(lists: TenantLists, selection: TenantSelection, nowMs: number): DelegatedTenant[] {
  const standings = gdapStandings(lists.relationships, nowMs);
  const entries = collect(lists, standings);
  const tenants = [...entries.values()].map((entry) => decide(entry, standings.get(entry.tenantId), selection));
  return tenants.toSorted(
    (a, b) => compare(a.name.toLowerCase(), b.name.toLowerCase()) || compare(a.tenantId, b.tenantId),
  );
}

// Does not use the locale: indexes into the sorted list are stored, so the order must be the same on every machine.
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function collect(lists: TenantLists, standings: Map<TenantId, GdapStanding>): Map<TenantId, Entry> {
  const entries = new Map<TenantId, Entry>();
  const at = (tenantId: TenantId, source: TenantSource, name: string | undefined): Entry => {
    const entry = entries.get(tenantId) ?? { tenantId, names: {}, domains: {}, reseller: false };
    entries.set(tenantId, entry);
    entry.names[source] ??= name?.trim() ?? '';
    return entry;
  };
  for (const { tenantId, name } of standings.values()) at(tenantId, 'relationships', name);
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

function decide(entry: Entry, gdap: GdapStanding | undefined, selection: TenantSelection): DelegatedTenant {
  const { tenantId, names, domains, reseller } = entry;
  const { include, exclude } = selection;
  // A contract has the name and domain of the day on which it was signed, so it comes last.
  const domain = domains['partner-center'] ?? domains.contracts;
  const relationship = gdap ? 'gdap' : reseller ? 'dap' : 'none';
  const standing: ReachabilityReason =
    gdap?.reason ??
    (reseller ? (selection.withoutGdap === 'allow' ? 'reseller_contract' : 'no_gdap') : 'no_relationship');
  const reason: ReachabilityReason = exclude.has(tenantId)
    ? 'excluded'
    : include !== 'all' && !include.has(tenantId)
      ? 'not_included'
      : standing;
  return {
    tenantId,
    name: names['partner-center'] || names.relationships || names.contracts || domain || tenantId,
    defaultDomain: domain,
    relationship,
    ...(gdap?.endsAtMs === undefined ? {} : { relationshipEndsAtMs: gdap.endsAtMs }),
    reachable: reason === standing && (gdap?.active ?? standing === 'reseller_contract'),
    reason,
    sources: tenantSources.filter((source) => names[source] !== undefined),
  };
}
