import { dayMs, isoTime } from '../clock.ts';
import type { Seeded } from '../seeded.ts';
import { planRelationships, type RelationshipPlan } from './relationship-plans.ts';
import type { CustomerTenant } from './tenant.ts';

/** A delegated relationship (GDAP) as Graph lists it. */
export interface Relationship {
  readonly '@odata.etag': string;
  readonly id: string;
  readonly displayName: string;
  readonly duration: string;
  readonly autoExtendDuration: string;
  readonly customer: { readonly tenantId: string; readonly displayName: string };
  readonly accessDetails: { readonly unifiedRoles: readonly { readonly roleDefinitionId: string }[] };
  readonly status: string;
  readonly createdDateTime: string;
  readonly activatedDateTime: string | null;
  readonly endDateTime: string | null;
  readonly lastModifiedDateTime: string;
}

interface Times {
  /** Start of the cloud: the time from which the plans count. */
  readonly startMs: number;
  readonly nowMs: number;
}

/** The status of a relationship and its end. An automatic extension lasts 180 days. */
function standing(plan: RelationshipPlan, { delegation }: CustomerTenant, { startMs, nowMs }: Times) {
  const isActive = plan.status === 'active';
  const plannedMs = startMs + plan.endsInDays * dayMs;
  const endMs = isActive ? (delegation.endsMs ?? plannedMs) : plannedMs;
  if (!isActive || endMs > nowMs) return { status: plan.status, endMs };
  if (!plan.autoExtend || delegation.endsMs !== undefined) return { status: 'expired', endMs };
  const extensionMs = 180 * dayMs;
  return { status: 'active', endMs: endMs + (Math.floor((nowMs - endMs) / extensionMs) + 1) * extensionMs };
}

/** Returns all relationships of a customer, including ended ones. */
export function relationshipsOf(tenant: CustomerTenant, seeded: Seeded, times: Times): readonly Relationship[] {
  return planRelationships(tenant).map((plan, at) => {
    const { status, endMs } = standing(plan, tenant, times);
    const activatedMs = times.startMs + plan.endsInDays * dayMs - 730 * dayMs;
    const id = `${seeded.guid('relationship', tenant.tenantId, at)}-${seeded.guid('relationship-version', tenant.tenantId, at)}`;
    return {
      '@odata.etag': `W/"${Buffer.from(id.slice(0, 12)).toString('base64')}"`,
      id,
      displayName: plan.name,
      duration: 'P730D',
      autoExtendDuration: plan.autoExtend && tenant.delegation.endsMs === undefined ? 'P180D' : 'PT0S',
      customer: { tenantId: tenant.tenantId, displayName: tenant.name },
      accessDetails: { unifiedRoles: plan.roles.map((roleDefinitionId) => ({ roleDefinitionId })) },
      status,
      createdDateTime: isoTime(activatedMs - dayMs),
      activatedDateTime: isoTime(activatedMs),
      endDateTime: isoTime(endMs),
      lastModifiedDateTime: isoTime(activatedMs),
    };
  });
}

/** A role that a security group of the partner gets through a relationship. */
export interface AccessAssignment {
  readonly roleId: string;
  readonly status: 'pending' | 'active' | 'deleted';
}

interface RolesOfRelationship {
  readonly name: string;
  readonly status: string;
  readonly roles: readonly string[];
}

/**
 * Returns the access assignments of a relationship: one for each role. Microsoft-led relationships have none here.
 * An ended relationship keeps its assignments as `deleted`.
 */
function assignments(
  { delegation }: CustomerTenant,
  { name, status, roles }: RolesOfRelationship,
  nowMs: number,
): readonly AccessAssignment[] {
  if (name.startsWith('MLT_')) return [];
  const isPending = delegation.assignedFromMs !== undefined && nowMs < delegation.assignedFromMs;
  const current = isPending ? 'pending' : 'active';
  return roles
    .filter((roleId) => !delegation.unassignedRoles.has(roleId))
    .map((roleId) => ({ roleId, status: status === 'active' ? current : 'deleted' }));
}

/** Returns the access assignments of a listed relationship. */
export const assignmentsOf = (
  tenant: CustomerTenant,
  { displayName: name, status, accessDetails }: Relationship,
  nowMs: number,
): readonly AccessAssignment[] =>
  assignments(tenant, { name, status, roles: accessDetails.unifiedRoles.map((each) => each.roleDefinitionId) }, nowMs);

/** Returns the ids of the roles with an active access assignment in an active relationship. */
export function assignedRolesOf(tenant: CustomerTenant, times: Times): ReadonlySet<string> {
  const active = planRelationships(tenant)
    .map((plan) => ({ ...plan, status: standing(plan, tenant, times).status }))
    .flatMap((plan) => assignments(tenant, plan, times.nowMs))
    .filter(({ status }) => status === 'active');
  return new Set(active.map(({ roleId }) => roleId));
}
