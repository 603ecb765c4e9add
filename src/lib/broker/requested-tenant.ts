import { type Decision, decide, type PolicyCaller, type PolicyRequest } from '../callers/decide.ts';
import type { AccessPolicy } from '../callers/policy.ts';
import { type Caller, callerIdOf } from '../model/caller.ts';
import { BrokerError } from '../model/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import type { DelegatedTenant } from '../tenants/tenant.ts';

/** What the functions of this file need. */
export interface RequestedTenantDeps {
  readonly directory: Pick<TenantDirectory, 'find' | 'tenantOf'>;
  readonly partnerTenantId: TenantId;
}

/** How a request names a tenant. */
export type TenantReference =
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
export interface RequestedTenant {
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
  return byProvenDomains(deps, callerIdOf(caller), tenant, { decideBy, isSame: sameDecision });
}

function sameDecision(a: Decision, b: Decision): boolean {
  if (a.allow) return b.allow && a.rule === b.rule;
  return !b.allow && a.missing === b.missing;
}

/** What a policy reads of a tenant. */
export type TenantFacts = Pick<PolicyRequest, 'tenantId' | 'domains' | 'isPartnerTenant'>;

/**
 * Decides by the domains that are proven to belong to a tenant, as {@link decideForTenant} describes.
 * @throws BrokerError like {@link findTenant}
 */
export async function byProvenDomains<T>(
  deps: RequestedTenantDeps,
  callerId: string,
  { tenantId, domain, listed }: RequestedTenant,
  { decideBy, isSame }: { decideBy: (facts: TenantFacts) => T; isSame: (one: T, other: T) => boolean },
): Promise<T> {
  const isPartnerTenant = tenantId === deps.partnerTenantId;
  const decided = (domains: readonly DomainName[]): T => decideBy({ tenantId, domains, isPartnerTenant });
  const proven = domain === undefined ? [] : [domain];
  const decision = decided(proven);
  const claimed = listed?.defaultDomain;
  if (claimed === undefined || claimed === domain) return decision;
  const decisionIfOwned = decided([...proven, claimed]);
  if (isSame(decision, decisionIfOwned)) return decision;
  return (await deps.directory.tenantOf(claimed, undefined, callerId)) === tenantId ? decisionIfOwned : decision;
}
