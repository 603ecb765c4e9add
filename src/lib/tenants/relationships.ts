import { dayMs } from '../core/durations.ts';
import { parseTenantId, type TenantId } from '../core/identifiers.ts';
import { type JsonObject, objectOf, textOf } from '../microsoft/reply.ts';
import type { ReachabilityReason } from './tenant.ts';

/** The combined result of all GDAP relationships with one customer. */
export interface GdapStanding {
  readonly tenantId: TenantId;
  readonly name: string | undefined;
  readonly reason: ReachabilityReason;
  readonly active: boolean;
  readonly endsAtMs: number | undefined;
}

interface Relationship {
  readonly tenantId: TenantId;
  readonly name: string | undefined;
  readonly status: string;
  readonly endsAtMs: number | undefined;
  readonly renewsItself: boolean;
  readonly microsoftLed: boolean;
}

/** Partner Center sends a mail 30 days before the end ("Granular delegated admin privileges expiring notifications"). */
const expiringSoonMs = 30 * dayMs;

/**
 * One standing per customer. A customer often has several relationships, some of which have ended. Any active one gives
 * access, and the latest end counts.
 */
export function gdapStandings(items: readonly JsonObject[], nowMs: number): Map<TenantId, GdapStanding> {
  const byTenant = Map.groupBy(
    items.flatMap((item) => parse(item) ?? []),
    ({ tenantId }) => tenantId,
  );
  return new Map(
    [...byTenant].map(([tenantId, relationships]) => [tenantId, standing(tenantId, relationships, nowMs)]),
  );
}

/** A `delegatedAdminRelationship`. Undefined if it has no customer yet (a request that no customer has opened). */
function parse(item: JsonObject): Relationship | undefined {
  const customer = objectOf(item, 'customer');
  const tenantId = parseTenantId(customer?.['tenantId']);
  if (tenantId === undefined) return undefined;
  const endsAtMs = Date.parse(textOf(item, 'endDateTime') ?? '');
  const extension = textOf(item, 'autoExtendDuration') ?? 'P0D';
  return {
    tenantId,
    name: textOf(customer, 'displayName'),
    status: textOf(item, 'status') ?? 'unknown',
    endsAtMs: Number.isNaN(endsAtMs) ? undefined : endsAtMs,
    renewsItself: !/^P(?:T?0[DS])$/.test(extension),
    microsoftLed: (textOf(item, 'displayName') ?? '').startsWith('MLT_'),
  };
}

function standing(tenantId: TenantId, relationships: readonly Relationship[], nowMs: number): GdapStanding {
  // "expiring" is still active. The status may lag behind the end date, so the date decides.
  const active = relationships.filter(
    ({ status, endsAtMs, microsoftLed }) =>
      !microsoftLed && (status === 'active' || status === 'expiring') && (endsAtMs === undefined || endsAtMs > nowMs),
  );
  const counted = active.length > 0 ? active : relationships;
  const ends = counted.flatMap(({ endsAtMs }) => endsAtMs ?? []);
  const endsAtMs = ends.length === 0 ? undefined : Math.max(...ends);
  const renewed = active.some(({ renewsItself, endsAtMs: end }) => renewsItself || end === undefined);
  const soon = !renewed && endsAtMs !== undefined && endsAtMs - nowMs < expiringSoonMs;
  return {
    tenantId,
    name: relationships.find(({ name }) => name)?.name,
    active: active.length > 0,
    reason: active.length === 0 ? whyNot(relationships, nowMs) : soon ? 'gdap_expiring' : 'gdap_active',
    endsAtMs,
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
