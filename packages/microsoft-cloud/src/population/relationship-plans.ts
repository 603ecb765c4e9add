import { directoryRoles as role } from './roles.ts';
import type { CustomerTenant } from './tenant.ts';

/** What a relationship of a customer is like, before the clock and the control endpoint change it. */
export interface RelationshipPlan {
  readonly name: string;
  readonly status: string;
  /** Days from the start of the cloud. */
  readonly endsInDays: number;
  readonly roles: readonly string[];
  readonly autoExtend?: boolean;
}

/** Enough for the reports, Exchange, users and consent. */
const workingRoles: readonly string[] = [
  role['Global Reader'],
  role['User Administrator'],
  role['Exchange Administrator'],
  role['Cloud Application Administrator'],
];

/** Returns the planned relationships, with the roles that the customer's delegation adds and without those that it excludes. */
export function planRelationships(tenant: CustomerTenant): readonly RelationshipPlan[] {
  const { moreRoles, withoutRoles } = tenant.delegation;
  const [main, ...others] = allPlans(tenant);
  const plans = main === undefined ? [] : [{ ...main, roles: [...main.roles, ...moreRoles] }, ...others];
  if (withoutRoles.size === 0) return plans;
  return plans.map((plan) => ({ ...plan, roles: plan.roles.filter((id) => !withoutRoles.has(id)) }));
}

function allPlans(tenant: CustomerTenant): readonly RelationshipPlan[] {
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
    plans.push({
      name: `${name} helpdesk`,
      status: 'active',
      endsInDays: 400,
      roles: [role['User Administrator']],
    });
    plans.push({ name: `${name} migration`, status: 'terminated', endsInDays: -200, roles: workingRoles });
  }
  // A read-only relationship that Microsoft created.
  if (index % 6 === 2 && sources.relationship && state !== 'gdap_expired') {
    plans.push({
      name: `MLT_${name.replaceAll(' ', '')}`,
      status: 'active',
      endsInDays: 500,
      roles: [role['Directory Readers']],
    });
  }
  // Comes on top of an active relationship: with none, the state would not be `ok`.
  if (index % 9 === 5 && sources.relationship)
    plans.push({ name: `${name} former`, status: 'terminated', endsInDays: -90, roles: workingRoles });
  return plans;
}
