import type { DomainName, TenantId } from '../model/identifiers.ts';

/** Why a tenant can or cannot be reached. Ordered by nothing; each has its sentence in {@link reasonTexts}. */
export const reasonTexts = {
  gdap_active: 'A GDAP relationship is active.',
  gdap_expiring: 'A GDAP relationship is active, but ends within 30 days and is not renewed by itself.',
  gdap_expired: 'The GDAP relationship has expired; request a new one.',
  gdap_terminated: 'The GDAP relationship was terminated.',
  gdap_pending: 'A GDAP relationship was requested, but the customer has not approved it yet.',
  gdap_microsoft_led:
    'The only GDAP relationship is one that Microsoft made for the transition (MLT_), which is read-only.',
  reseller_contract:
    'There is a reseller contract and no GDAP relationship; it is tried as legacy DAP (TENANTS_WITHOUT_GDAP).',
  no_gdap: 'There is a reseller contract, but no GDAP relationship, so there is no access (TENANTS_WITHOUT_GDAP).',
  no_relationship:
    'The customer is known to Partner Center, but has neither a GDAP relationship nor a reseller contract.',
  excluded: 'The tenant is listed in TENANTS_EXCLUDE.',
  not_included: 'TENANTS_INCLUDE is set and does not list the tenant.',
} as const;
export type ReachabilityReason = keyof typeof reasonTexts;

/** Which list a tenant was found in. */
export const tenantSources = ['relationships', 'contracts', 'partner-center'] as const;
export type TenantSource = (typeof tenantSources)[number];

/** A customer tenant, and whether the partner has a way in. */
export interface DelegatedTenant {
  readonly tenantId: TenantId;
  /** As the customer is called; the tenant id where no list gives a name. */
  readonly name: string;
  readonly defaultDomain: DomainName | undefined;
  readonly relationship: 'gdap' | 'dap' | 'none';
  /** The latest end of the relationships that give access, or of those that did. */
  readonly relationshipEndsAtMs?: number;
  /** False: no Entra call is made for it. */
  readonly reachable: boolean;
  readonly reason: ReachabilityReason;
  readonly sources: readonly TenantSource[];
}

/** Left out on purpose, as opposed to out of reach. */
export const isExcluded = (tenant: Pick<DelegatedTenant, 'reason'>): boolean =>
  tenant.reason === 'excluded' || tenant.reason === 'not_included';
