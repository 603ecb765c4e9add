import type { TenantId } from '../core/identifiers.ts';
import { type DelegatedTenant, isExcluded } from '../tenants/tenant.ts';
import type { DerivedEvent, EndingDays, EventKind, TenantEvent } from './tenant-event.ts';

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

export interface EventQuery {
  /** Only events of this tenant. */
  readonly tenantId?: TenantId | undefined;
  /** Only events of tenants for which this returns true. */
  readonly isSelected?: ((tenantId: TenantId) => boolean) | undefined;
  readonly kind?: EventKind | undefined;
  readonly sinceMs?: number | undefined;
  /** Only events after this place in the log. */
  readonly after?: number | undefined;
  /** From the previous page: events before this place. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Events, the newest first. */
export interface EventPage {
  readonly events: readonly TenantEvent[];
  /** The place before which the next page begins. Absent on the last page. */
  readonly before?: number;
  /** When the lists were last compared completely. Absent before the first time. */
  readonly readAtMs?: number;
}

/** What the log knows of itself. */
export interface LogHead {
  /** The place of the newest event. */
  readonly sequence: number;
  /** The place up to which events are announced. */
  readonly announced: number;
  /** When the first complete read ended. Until then a tenant that is not known yet is no news. */
  readonly baselineAtMs?: number;
  /** When the lists were last compared completely. */
  readonly readAtMs?: number;
}

/** A new state of a tenant, and what has happened. */
export interface TenantChange {
  readonly tenantId: TenantId;
  readonly state: TenantState;
  readonly events: readonly DerivedEvent[];
}

/** A state, as it was when the event at this place was told. */
export interface ToldState {
  readonly tenantId: TenantId;
  readonly sequence: number;
  readonly state: TenantState;
}

/** An event that is to be announced. */
export interface PendingEvent {
  readonly event: TenantEvent;
  /** With the last of the events that were written together: the state after them. */
  readonly state?: TenantState;
}

/** Another instance has taken the claim over. What it wrote holds, and nothing of this instance was written since. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}
