import { type Caller, callerIdOf } from '../../core/caller.ts';
import { BrokerError, toBrokerError } from '../../core/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import type { TenantDirectory } from '../../tenants/directory.ts';
import { tagNamesOf, type TenantTags } from '../../tenants/tags.ts';
import type { DelegatedTenant } from '../../tenants/tenant.ts';
import {
  decide,
  type Decision,
  type Denial,
  type NeededFacts,
  neededFacts,
  type PolicyCaller,
  type PolicyRequest,
} from '../policy/decide.ts';
import type { AccessPolicy } from '../policy/policy.ts';
import type { TenantFacts } from './tenant-set.ts';

/** The tenants of some domains. */
export interface DomainOwners {
  /** Undefined for a domain that no tenant has. */
  readonly byDomain: ReadonlyMap<DomainName, TenantId | undefined>;
  /** Domains whose tenant cannot be found out now. */
  readonly unresolved: ReadonlySet<DomainName>;
  /** The failure of the first of these. */
  readonly failure: unknown;
}

/** Concurrent lookups. Lower than the domain resolver's concurrency, so that a long list does not delay other callers. */
const concurrency = 4;

/** Finds out which tenants own domains. Entra decides; its answers are cached for an hour. Throws only what is a fault. */
export async function ownersOf(
  directory: Pick<TenantDirectory, 'tenantOf'>,
  domains: readonly DomainName[],
  callerId?: string,
): Promise<DomainOwners> {
  const byDomain = new Map<DomainName, TenantId | undefined>();
  const unresolved = new Set<DomainName>();
  let failure: unknown;
  for (let first = 0; first < domains.length; first += concurrency) {
    const few = domains.slice(first, first + concurrency);
    const found = await Promise.allSettled(few.map((domain) => directory.tenantOf(domain, undefined, callerId)));
    for (const [index, domain] of few.entries()) {
      const each = found[index];
      if (each?.status === 'fulfilled') byDomain.set(domain, each.value);
      else {
        if (toBrokerError(each?.reason).code === 'internal') throw each?.reason;
        unresolved.add(domain);
        failure ??= each?.reason;
      }
    }
  }
  return { byDomain, unresolved, failure };
}

/** What the functions of this file need. */
export interface RequestedTenantDeps {
  readonly directory: Pick<TenantDirectory, 'find' | 'tenantOf'>;
  readonly tenantTags: Pick<TenantTags, 'current'>;
  readonly partnerTenantId: TenantId;
}

/** How a request names a tenant. */
type TenantReference =
  | { readonly kind: 'id'; readonly tenantId: TenantId }
  | { readonly kind: 'domain'; readonly domain: DomainName };

/**
 * Parses the tenant of a request.
 * @throws BrokerError `request_invalid`
 */
export function parseReference(text: string): TenantReference {
  const tenantId = parseTenantId(text);
  if (tenantId !== undefined) return { kind: 'id', tenantId };
  const domain = parseDomainName(text);
  if (domain !== undefined) return { kind: 'domain', domain };
  throw new BrokerError('request_invalid', 'tenant: is neither a tenant id (GUID) nor a domain name.');
}

/** The tenant that a request is about. */
interface RequestedTenant {
  /** Undefined if no tenant owns the domain. */
  readonly tenantId: TenantId | undefined;
  /** The domain that the request names. Entra has confirmed that the tenant owns it. */
  readonly domain: DomainName | undefined;
  /** The entry in the tenant directory. Undefined for the partner's own tenant and for tenants that are not customers. */
  readonly listed: DelegatedTenant | undefined;
}

/**
 * Finds the tenant of a request.
 * @throws BrokerError `entra_unavailable`, `directory_unavailable`, or a failure of the credential.
 */
export async function findTenant(
  deps: RequestedTenantDeps,
  reference: TenantReference,
  callerId: string,
): Promise<RequestedTenant> {
  const domain = reference.kind === 'domain' ? reference.domain : undefined;
  const tenantId =
    reference.kind === 'id' ? reference.tenantId : await deps.directory.tenantOf(reference.domain, undefined, callerId);
  const isCustomer = tenantId !== undefined && tenantId !== deps.partnerTenantId;
  return { tenantId, domain, listed: isCustomer ? await deps.directory.find(tenantId) : undefined };
}

/** What a caller requests in a tenant. */
export interface TenantAccess extends Pick<PolicyRequest, 'resource' | 'scopes' | 'grant' | 'breakGlass'> {
  readonly caller: PolicyCaller & Pick<Caller, 'objectId'>;
}

/**
 * Returns the decision of the policy for a tenant. The default domain of a customer tenant comes from lists that may be
 * years old, and the domain may belong to another tenant now. If the decision depends on it, the owner of the domain
 * is looked up in Entra.
 * @throws BrokerError like {@link findTenant}
 */
export function decideForTenant(
  deps: RequestedTenantDeps,
  policy: AccessPolicy,
  { caller, ...request }: TenantAccess,
  tenant: RequestedTenant,
): Promise<Decision> {
  const decideBy = (facts: TenantFacts): Decision => decide(policy, caller, { ...request, ...facts });
  const needed = neededFacts(policy, caller, request);
  return byProvenDomains(deps, callerIdOf(caller), tenant, { decideBy, isSame: sameDecision, needed });
}

function sameDecision(a: Decision, b: Decision): boolean {
  if (a.allow) return b.allow && a.rule === b.rule;
  return !b.allow && a.missing === b.missing;
}

/** How to decide about a tenant. */
interface TenantDecision<T> {
  readonly decideBy: (facts: TenantFacts) => T;
  readonly isSame: (one: T, other: T) => boolean;
  readonly needed: NeededFacts;
}

/**
 * Decides by the domains that are proven to belong to a tenant, as {@link decideForTenant} describes.
 * @throws BrokerError like {@link findTenant}
 */
export async function byProvenDomains<T>(
  deps: RequestedTenantDeps,
  callerId: string,
  { tenantId, domain, listed }: RequestedTenant,
  { decideBy, isSame, needed }: TenantDecision<T>,
): Promise<T> {
  const isPartnerTenant = tenantId === deps.partnerTenantId;
  const [tags, owners] = await Promise.all([
    needed.tags ? tagNames(deps, tenantId) : undefined,
    ownersOf(deps.directory, needed.domains, callerId),
  ]);
  const { unresolved } = owners;
  const decided = (domains: readonly DomainName[]): T =>
    decideBy({ tenantId, domains, tags, isPartnerTenant, unresolved });
  const proven = [...(domain === undefined ? [] : [domain]), ...domainsOf(owners, tenantId)];
  const decision = decided(proven);
  const claimed = listed?.defaultDomain;
  if (claimed === undefined || proven.includes(claimed)) return decision;
  const decisionIfOwned = decided([...proven, claimed]);
  if (isSame(decision, decisionIfOwned)) return decision;
  return (await deps.directory.tenantOf(claimed, undefined, callerId)) === tenantId ? decisionIfOwned : decision;
}

/** Undefined if the tags cannot be read. Rules that name a tag then open nothing. */
async function tagNames(
  { tenantTags }: Pick<RequestedTenantDeps, 'tenantTags'>,
  tenantId: TenantId | undefined,
): Promise<ReadonlySet<string> | undefined> {
  if (tenantId === undefined) return new Set();
  try {
    return tagNamesOf(await tenantTags.current(), tenantId);
  } catch {
    return undefined;
  }
}

const domainsOf = ({ byDomain }: DomainOwners, tenantId: TenantId | undefined): readonly DomainName[] =>
  tenantId === undefined ? [] : [...byDomain].filter(([, owner]) => owner === tenantId).map(([domain]) => domain);

/** A denial as an error. While a fact is missing that a rule depends on, the caller may try again. */
export function denialError({ reason, missing, unknown }: Denial): BrokerError {
  if (unknown === 'tags')
    return new BrokerError('storage_unavailable', 'The tags of the tenant cannot be read, and a rule depends on them.');
  if (unknown === 'domains')
    return new BrokerError('entra_unavailable', 'The tenant of a domain in `except` of a rule cannot be found out.');
  return new BrokerError('caller_forbidden', reason, {
    lacks: missing === 'role' ? 'role' : 'rule',
    logFields: { missing },
  });
}
