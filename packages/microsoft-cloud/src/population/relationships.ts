import { dayMs, isoTime } from '../clock.ts';
import type { Seeded } from '../seeded.ts';
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

/** Role template ids. Source: "Microsoft Entra built-in roles". */
const roles = {
  globalReader: 'f2ef992c-3afb-46b9-b7cf-a126ee74c451',
  directoryReaders: '88d8e3e3-8f55-4a1e-953a-9b9898b8876b',
  userAdministrator: 'fe930be7-5e62-47db-91af-98c3a49a38b1',
  exchangeAdministrator: '29232cdf-9323-42fd-ade2-1d097af3e4de',
  applicationAdministrator: '9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3',
  privilegedRoleAdministrator: 'e8611ab8-c189-46e8-94e1-60213ab1f814',
} as const;

const workingRoles = [
  roles.globalReader,
  roles.userAdministrator,
  roles.exchangeAdministrator,
  roles.applicationAdministrator,
  roles.privilegedRoleAdministrator,
];

interface RelationshipPlan {
  readonly name: string;
  readonly status: string;
  /** Days from now. */
  readonly endsInDays: number;
  readonly roles: readonly string[];
  readonly autoExtend?: boolean;
}

function planRelationships(tenant: CustomerTenant): readonly RelationshipPlan[] {
  const { index, name, state, trait, sources } = tenant;
  const plans: RelationshipPlan[] = [];
  if (state === 'gdap_expired') {
    const status = index % 2 === 0 ? 'expired' : 'terminated';
    plans.push({ name: `${name} administration`, status, endsInDays: -20, roles: workingRoles });
  } else if (sources.relationship) {
    // Some end soon, so that a program can warn about them.
    const endsInDays = index % 11 === 4 ? 12 : 90 + ((index * 37) % 600);
    plans.push({
      name: `${name} administration`,
      status: 'active',
      endsInDays,
      roles: workingRoles,
      autoExtend: index % 4 === 0,
    });
  }
  if (trait === 'several_relationships' && sources.relationship) {
    plans.push({ name: `${name} helpdesk`, status: 'active', endsInDays: 400, roles: [roles.userAdministrator] });
    plans.push({ name: `${name} migration`, status: 'terminated', endsInDays: -200, roles: workingRoles });
  }
  // A read-only relationship that Microsoft created.
  if (index % 6 === 2 && sources.relationship && state !== 'gdap_expired') {
    plans.push({
      name: `MLT_${name.replaceAll(' ', '')}`,
      status: 'active',
      endsInDays: 500,
      roles: [roles.directoryReaders],
    });
  }
  // Comes on top of an active relationship: with none, the state would not be `ok`.
  if (index % 9 === 5 && sources.relationship)
    plans.push({ name: `${name} former`, status: 'terminated', endsInDays: -90, roles: workingRoles });
  return plans;
}

interface CachedRelationships {
  readonly state: CustomerTenant['state'];
  readonly list: readonly Relationship[];
}

const cache = new WeakMap<CustomerTenant, CachedRelationships>();

/**
 * Returns all relationships of a customer, including ended ones.
 * @param nowMs time from which the end of new relationships is computed. They stay the same until the state changes.
 */
export function relationshipsOf(tenant: CustomerTenant, seeded: Seeded, nowMs: number): readonly Relationship[] {
  const cached = cache.get(tenant);
  if (cached?.state === tenant.state) return cached.list;
  const list = createRelationships(tenant, seeded, nowMs);
  cache.set(tenant, { state: tenant.state, list });
  return list;
}

function createRelationships(tenant: CustomerTenant, seeded: Seeded, nowMs: number): readonly Relationship[] {
  return planRelationships(tenant).map((plan, at) => {
    const endMs = nowMs + plan.endsInDays * dayMs;
    const activatedMs = endMs - 730 * dayMs;
    const id = `${seeded.guid('relationship', tenant.tenantId, at)}-${seeded.guid('relationship-version', tenant.tenantId, at)}`;
    return {
      '@odata.etag': `W/"${Buffer.from(id.slice(0, 12)).toString('base64')}"`,
      id,
      displayName: plan.name,
      duration: 'P730D',
      autoExtendDuration: plan.autoExtend ? 'P180D' : 'PT0S',
      customer: { tenantId: tenant.tenantId, displayName: tenant.name },
      accessDetails: { unifiedRoles: plan.roles.map((roleDefinitionId) => ({ roleDefinitionId })) },
      status: plan.status,
      createdDateTime: isoTime(activatedMs - dayMs),
      activatedDateTime: isoTime(activatedMs),
      endDateTime: isoTime(endMs),
      lastModifiedDateTime: isoTime(activatedMs),
    };
  });
}
