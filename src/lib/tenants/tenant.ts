import { requestRelationship } from '../core/errors.ts';
import type { DomainName, TenantId } from '../core/identifiers.ts';

/** The reasons why a tenant is or is not reachable, each with a sentence for people. */
export const reasonTexts = {
  gdap_active: 'A GDAP relationship is active.',
  gdap_expiring: 'A GDAP relationship is active, but ends within 30 days and does not renew automatically.',
  gdap_expired: 'The GDAP relationship has expired.',
  gdap_terminated: 'The GDAP relationship was terminated.',
  gdap_pending: 'A GDAP relationship was requested, but the customer has not approved it yet.',
  gdap_microsoft_led:
    'The only GDAP relationship is one that Microsoft created for the transition (MLT_). It is read-only.',
  reseller_contract:
    'There is a reseller contract but no GDAP relationship. The broker tries legacy DAP (TENANTS_WITHOUT_GDAP).',
  no_gdap: 'There is a reseller contract, but no GDAP relationship, so there is no access (TENANTS_WITHOUT_GDAP).',
  no_relationship:
    'The customer is known to Partner Center, but has neither a GDAP relationship nor a reseller contract.',
  excluded: 'The tenant is listed in TENANTS_EXCLUDE.',
  not_included: 'TENANTS_INCLUDE is set and does not list the tenant.',
} as const;
export type ReachabilityReason = keyof typeof reasonTexts;

/** What each reason is called where it stands in a list or over one: with those of errors, the names of all causes. */
export const reasonTitles: Readonly<Record<ReachabilityReason, string>> = {
  gdap_active: 'GDAP relationship active',
  gdap_expiring: 'GDAP relationship ends soon',
  gdap_expired: 'GDAP relationship expired',
  gdap_terminated: 'GDAP relationship terminated',
  gdap_pending: 'GDAP relationship not approved yet',
  gdap_microsoft_led: 'Only a relationship that Microsoft created',
  reseller_contract: 'Reseller contract, tried with legacy DAP',
  no_gdap: 'Reseller contract without GDAP relationship',
  no_relationship: 'No delegated relationship',
  excluded: 'Excluded by the settings',
  not_included: 'Not included by the settings',
};

/** What an operator does about a reason. Exclusion is a decision of the operator, so nothing is to be done. */
export const reasonAdvice = {
  gdap_expiring:
    'Extend the GDAP relationship in Partner Center, or request a new one and have the customer approve it.',
  gdap_expired: requestRelationship,
  gdap_terminated: requestRelationship,
  gdap_pending: 'Ask the customer to approve the request in its Microsoft 365 admin center.',
  gdap_microsoft_led: requestRelationship,
  no_gdap: requestRelationship,
  no_relationship: requestRelationship,
} as const satisfies Partial<Record<ReachabilityReason, string>>;

/** {@link reasonAdvice} of any text, such as the reason that a newer broker gives. */
export const adviceForReason = (reason: string): string | undefined =>
  Object.hasOwn(reasonAdvice, reason) ? reasonAdvice[reason as keyof typeof reasonAdvice] : undefined;

/** The lists that a tenant can be found in. */
export const tenantSources = ['relationships', 'contracts', 'partner-center'] as const;
export type TenantSource = (typeof tenantSources)[number];

/** A customer tenant, and whether the partner can reach it. */
export interface DelegatedTenant {
  readonly tenantId: TenantId;
  /** The customer's name; if no list has it, the default domain or the tenant id. */
  readonly name: string;
  readonly defaultDomain: DomainName | undefined;
  readonly relationship: 'gdap' | 'dap' | 'none';
  /** The first start of the same relationships. */
  readonly relationshipStartedAtMs?: number;
  /** The latest end of the active relationships, or of all relationships if none is active. */
  readonly relationshipEndsAtMs?: number;
  /** Whether an active relationship is extended by itself. */
  readonly relationshipRenews?: boolean;
  /** Directory roles of the active relationships, by name. The template id stands for a role without a known name. */
  readonly roles?: readonly string[];
  /** If false, the broker sends no request to Entra for the tenant. */
  readonly reachable: boolean;
  readonly reason: ReachabilityReason;
  readonly sources: readonly TenantSource[];
}

/** Whether the settings exclude the tenant, as opposed to a tenant that cannot be reached. */
export const isExcluded = (tenant: Pick<DelegatedTenant, 'reason'>): boolean =>
  tenant.reason === 'excluded' || tenant.reason === 'not_included';
