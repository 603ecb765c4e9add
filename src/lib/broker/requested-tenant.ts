import { type Decision, decide, type PolicyCaller, type PolicyRequest } from '../callers/decide.ts';
import type { AccessPolicy } from '../callers/policy.ts';
import { BrokerError } from '../model/errors.ts';
import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { type DelegatedTenant, isExcluded, reasonTexts } from '../tenants/tenant.ts';

export interface RequestedTenantDeps {
  readonly directory: Pick<TenantDirectory, 'find' | 'tenantOf' | 'excludes'>;
  readonly partnerTenantId: TenantId;
}

/** How a caller names a tenant. */
export type TenantReference =
  | { readonly kind: 'id'; readonly tenantId: TenantId }
  | { readonly kind: 'domain'; readonly domain: DomainName };

/** @throws BrokerError request_invalid */
export function parseReference(text: string): TenantReference {
  const tenantId = parseTenantId(text);
  if (tenantId !== undefined) return { kind: 'id', tenantId };
  const domain = parseDomainName(text);
  if (domain !== undefined) return { kind: 'domain', domain };
  throw new BrokerError('request_invalid', 'tenant: is neither a tenant id (GUID) nor a domain name.');
}

/** The tenant that a request is about. */
export interface RequestedTenant {
  /** Undefined for a domain that no tenant has. */
  readonly tenantId: TenantId | undefined;
  /** The domain that the request named; Entra has confirmed that it belongs to the tenant. */
  readonly domain: DomainName | undefined;
  /** Undefined for the partner's own tenant and for tenants that are no customers. */
  readonly listed: DelegatedTenant | undefined;
}

/** @throws BrokerError entra_unavailable, directory_unavailable, or a failure of the credential. */
export async function findTenant(deps: RequestedTenantDeps, reference: TenantReference): Promise<RequestedTenant> {
  const domain = reference.kind === 'domain' ? reference.domain : undefined;
  const tenantId = reference.kind === 'id' ? reference.tenantId : await deps.directory.tenantOf(reference.domain);
  const isCustomer = tenantId !== undefined && tenantId !== deps.partnerTenantId;
  return { tenantId, domain, listed: isCustomer ? await deps.directory.find(tenantId) : undefined };
}

/**
 * The policy's decision. The default domain of a tenant comes from lists that may be years old, and the domain may
 * belong to another tenant now. If the decision depends on it, Entra is asked which tenant has the domain.
 */
export async function decideForTenant(
  deps: RequestedTenantDeps,
  policy: AccessPolicy,
  caller: PolicyCaller,
  question: Pick<PolicyRequest, 'resource' | 'scopes' | 'grant'>,
  { tenantId, domain, listed }: RequestedTenant,
): Promise<Decision> {
  const isPartnerTenant = tenantId === deps.partnerTenantId;
  const decideBy = (domains: readonly DomainName[]): Decision =>
    decide(policy, caller, { ...question, tenantId, domains, isPartnerTenant });
  const proven = domain === undefined ? [] : [domain];
  const decision = decideBy(proven);
  const claimed = listed?.defaultDomain;
  if (claimed === undefined || claimed === domain) return decision;
  const decisionIfTrue = decideBy([...proven, claimed]);
  if (sameDecision(decision, decisionIfTrue)) return decision;
  return (await deps.directory.tenantOf(claimed)) === tenantId ? decisionIfTrue : decision;
}

function sameDecision(a: Decision, b: Decision): boolean {
  if (a.allow) return b.allow && a.rule === b.rule;
  return !b.allow && a.missing === b.missing;
}

/** Why no token may be issued for a tenant, whatever the policy says; undefined if one may. */
export async function tenantRefusal(
  deps: RequestedTenantDeps,
  tenantId: TenantId,
  listed: DelegatedTenant | undefined,
): Promise<BrokerError | undefined> {
  if (tenantId === deps.partnerTenantId) {
    const excluded = await deps.directory.excludes(tenantId);
    return excluded ? new BrokerError('tenant_excluded', reasonTexts.excluded) : undefined;
  }
  if (listed === undefined)
    return new BrokerError('tenant_not_delegated', 'The tenant is not among the customers of the partner.');
  if (listed.reachable) return undefined;
  return new BrokerError(isExcluded(listed) ? 'tenant_excluded' : 'tenant_not_delegated', reasonTexts[listed.reason]);
}
