import type { TenantId } from '../core/identifiers.ts';
import type { DelegatedTenant } from '../tenants/tenant.ts';
import { isExcluded } from '../tenants/tenant.ts';
import type { EndingDays } from './tenant-event.ts';

/** Something that was observed beside the lists. A later observation replaces an earlier one. */
export interface Observed<S extends string> {
  readonly state: S;
  readonly atMs: number;
}

/** `given` shows that there is some consent, `complete` that it has every permission. */
export interface ObservedConsent extends Observed<'missing' | 'differs' | 'given' | 'complete'> {
  readonly scopes?: readonly string[];
  readonly jobs?: readonly string[];
  /** The further application that lacks it. Absent: the default one. */
  readonly application?: string | undefined;
}

export interface ObservedRole extends Observed<'missing' | 'held'> {
  readonly jobs?: readonly string[];
}

/** What one complete read of the lists, and what was observed beside them, say about a tenant. */
export interface SeenTenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly reachable: boolean;
  readonly reason: DelegatedTenant['reason'];
  readonly isExcluded: boolean;
  readonly endsAtMs?: number;
  /** Undefined if they are not known now. */
  readonly tags?: readonly string[] | undefined;
  readonly consent?: ObservedConsent | undefined;
  readonly role?: ObservedRole | undefined;
}

/** What the events of a tenant have told so far. The next complete read is compared with it. */
export interface TenantState {
  readonly name: string;
  readonly isListed: boolean;
  readonly isExcluded: boolean;
  /** Whether the broker could reach the tenant when it was last not excluded. `never`: it never could. */
  readonly access: 'never' | 'open' | 'lost';
  readonly endsAtMs?: number;
  /** The last `ending` that was told about this end. */
  readonly toldDays?: EndingDays;
  readonly tags?: readonly string[];
  readonly consent?: ObservedConsent;
  readonly role?: ObservedRole;
  /** The broker is to consent in the tenant: the attempts so far, and when the next one is due. */
  readonly consentDue?: { readonly attempts: number; readonly nextAtMs: number };
  /** When the broker consented in the tenant. What is known from before says nothing about that consent. */
  readonly consentedAtMs?: number;
}

/** What is observed of tenants beside the lists. */
export interface Observations {
  tagsOf(tenantId: TenantId): readonly string[] | undefined;
  /** @param sinceMs what is known from before does not count. */
  consentOf(tenantId: TenantId, sinceMs?: number): ObservedConsent | undefined;
  roleOf(tenantId: TenantId): ObservedRole | undefined;
}

/** Puts together what is known of a tenant in the lists. @param before what the events of the tenant have told. */
export function seenTenant(
  tenant: DelegatedTenant,
  observations: Observations,
  before: TenantState | undefined,
): SeenTenant {
  const { tenantId, name, reachable, reason, relationshipEndsAtMs } = tenant;
  return {
    tenantId,
    name,
    reachable,
    reason,
    isExcluded: isExcluded(tenant),
    ...(relationshipEndsAtMs === undefined ? {} : { endsAtMs: relationshipEndsAtMs }),
    tags: observations.tagsOf(tenantId),
    // While the broker is to consent, nobody wants to hear that the consent is missing.
    consent: before?.consentDue === undefined ? observations.consentOf(tenantId, before?.consentedAtMs) : undefined,
    role: observations.roleOf(tenantId),
  };
}
