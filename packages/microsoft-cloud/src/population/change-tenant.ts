import { findMicrosoftResource } from '../directory/microsoft-resources.ts';
import { resourcePrincipal } from '../directory/tenant-directory.ts';
import type { World } from '../world.ts';
import {
  type CustomerConsents,
  consentsIn,
  ensurePrincipal,
  grantInCustomer,
  grantReadyConsents,
  registeredPermissions,
} from './customer-consents.ts';
import { roleIdOf } from './roles.ts';
import { type CustomerTenant, refusalsOf, type TenantState, tenantStates } from './tenant.ts';

/** A change to a customer tenant, at the start or while the cloud runs. */
export interface TenantChange {
  readonly state?: TenantState;
  /** AADSTS number with which the state refuses tokens, instead of the usual one. */
  readonly refusal?: number;
  /** Microsoft resources that the tenant does not have: application ids or identifiers. Replaces the earlier list. */
  readonly lacks?: readonly string[];
  /** Roles that the first relationship contains besides its own: display names or template ids. Replaces the earlier list. */
  readonly moreRoles?: readonly string[];
  /** Roles that the relationships do not contain: display names or template ids. Replaces the earlier list. */
  readonly withoutRoles?: readonly string[];
  /** Roles that the relationships contain, without an access assignment. Replaces the earlier list. */
  readonly unassignedRoles?: readonly string[];
  /** Milliseconds of the cloud's clock until the relationships end. Their end is no longer extended. */
  readonly relationshipEndsInMs?: number;
  /** Milliseconds of the cloud's clock for which the access assignments are pending. */
  readonly assignmentsPendingMs?: number;
  /**
   * What the customer does to the consent for applications of the partner: `removed` removes the grants, `deleted` the
   * service principals as well.
   */
  readonly consent?: 'removed' | 'deleted';
}

type Check = (value: unknown) => boolean;
const isTexts: Check = (value) => Array.isArray(value) && value.every((each) => typeof each === 'string');
const isDuration: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;

const checks: Readonly<Record<keyof TenantChange, Check>> = {
  state: (value) => tenantStates.some((each) => each === value),
  refusal: (value) => Number.isInteger(value) && (value as number) > 0,
  lacks: isTexts,
  moreRoles: isTexts,
  withoutRoles: isTexts,
  unassignedRoles: isTexts,
  relationshipEndsInMs: isDuration,
  assignmentsPendingMs: isDuration,
  consent: (value) => value === 'removed' || value === 'deleted',
};

/** Reads a change from a JSON object. @throws TypeError for an unknown or invalid field, and without any field. */
export function parseTenantChange(value: Readonly<Record<string, unknown>>): TenantChange {
  const fields = Object.entries(value);
  if (fields.length === 0) throw new TypeError(`A change of a tenant needs one of ${Object.keys(checks).join(', ')}.`);
  for (const [name, content] of fields) {
    if (!Object.hasOwn(checks, name)) throw new TypeError(`A tenant has no "${name}".`);
    if (!checks[name as keyof TenantChange](content)) throw new TypeError(`"${name}" of the tenant is not valid.`);
  }
  return value;
}

/** @throws TypeError for an unknown role or resource. */
export function changeTenant(world: World, customer: CustomerTenant, change: TenantChange): void {
  const { delegation } = customer;
  const nowMs = world.clock.nowMs();
  const roles = (names: readonly string[]): ReadonlySet<string> => new Set(names.map(roleIdOf));
  if (change.moreRoles !== undefined) delegation.moreRoles = roles(change.moreRoles);
  if (change.withoutRoles !== undefined) delegation.withoutRoles = roles(change.withoutRoles);
  if (change.unassignedRoles !== undefined) delegation.unassignedRoles = roles(change.unassignedRoles);
  if (change.relationshipEndsInMs !== undefined) delegation.endsMs = nowMs + change.relationshipEndsInMs;
  if (change.assignmentsPendingMs !== undefined) delegation.assignedFromMs = nowMs + change.assignmentsPendingMs;
  if (change.lacks !== undefined) changeResources(world, customer, change.lacks);
  if (change.state !== undefined) changeState(world, customer, change.state);
  if (change.refusal !== undefined) customer.refusal = change.refusal;
  if (change.consent !== undefined) changeConsent(world, customer, change.consent);
}

function changeResources(world: World, customer: CustomerTenant, lacks: readonly string[]): void {
  const appIds = new Set(
    lacks.map((name) => {
      const resource = findMicrosoftResource(name);
      if (resource === undefined) throw new TypeError(`There is no Microsoft resource "${name}".`);
      return resource.appId;
    }),
  );
  const directory = world.directoryOf(customer);
  for (const appId of customer.lacks) {
    const principal = resourcePrincipal(customer.tenantId, appId, world.seeded, world.establishedMs);
    directory.servicePrincipals.set(principal.id, principal);
  }
  customer.lacks = appIds;
  for (const appId of appIds) {
    const principal = directory.servicePrincipalOf(appId);
    if (principal === undefined) continue;
    directory.servicePrincipals.delete(principal.id);
    for (const grant of directory.permissionGrants.values())
      if (grant.resourceId === principal.id) directory.permissionGrants.delete(grant.id);
  }
}

/** The consents that a tenant had before the state `no_consent`. Another state restores them. */
const withdrawn = new WeakMap<CustomerTenant, CustomerConsents>();

function changeState(world: World, customer: CustomerTenant, state: TenantState): void {
  const directory = world.directoryOf(customer);
  const had = customer.state;
  customer.state = state;
  customer.refusal = refusalsOf[state][customer.index % refusalsOf[state].length] ?? 0;
  if (state === 'no_consent') {
    if (had !== 'no_consent') withdrawn.set(customer, consentsIn(directory, world.partner.tenantId));
    changeConsent(world, customer, 'deleted');
    customer.deletedApplications.clear();
  } else if (had === 'no_consent') {
    restoreConsents(world, customer);
  }
}

/** Restores what the state `no_consent` withdrew: the ready-made application in a tenant that started in that state. */
function restoreConsents(world: World, customer: CustomerTenant): void {
  const directory = world.directoryOf(customer);
  const before = withdrawn.get(customer);
  withdrawn.delete(customer);
  if (before === undefined) {
    grantReadyConsents(directory, customer, world.partner, world.establishedMs);
    return;
  }
  const known = new Set(consentsIn(directory, world.partner.tenantId).principals.map(({ appId }) => appId));
  const restored = before.principals.filter(({ appId }) => !known.has(appId));
  for (const principal of restored) directory.servicePrincipals.set(principal.id, principal);
  for (const grant of before.grants)
    if (restored.some(({ id }) => id === grant.clientId)) directory.permissionGrants.set(grant.id, grant);
  for (const role of before.roles)
    if (restored.some(({ id }) => id === role.principalId)) directory.roleAssignments.set(role.id, role);
}

/**
 * Consents to the multi-tenant applications of the partner in every customer, except in the states `no_consent` and
 * `deleted`, with the permissions of their registrations. In reality the partner does this through Partner
 * Center. The consents take effect at once.
 */
export function consentEverywhere(world: World): void {
  const applications = [...world.partner.directory.applications.values()]
    .filter(({ signInAudience }) => signInAudience !== 'AzureADMyOrg')
    .map((application) => ({ application, permissions: registeredPermissions(application) }));
  for (const customer of world.customers) {
    if (customer.state === 'no_consent' || customer.state === 'deleted') continue;
    const directory = world.directoryOf(customer);
    for (const { application, permissions } of applications) {
      const principal = ensurePrincipal(directory, customer, application, world.establishedMs);
      grantInCustomer(directory, principal, permissions, world.establishedMs);
    }
  }
}

function changeConsent(world: World, customer: CustomerTenant, consent: 'removed' | 'deleted'): void {
  const directory = world.directoryOf(customer);
  const { principals, grants, roles } = consentsIn(directory, world.partner.tenantId);
  for (const { id } of grants) directory.permissionGrants.delete(id);
  for (const { id } of roles) directory.roleAssignments.delete(id);
  if (consent === 'removed') return;
  for (const { id, appId } of principals) {
    directory.servicePrincipals.delete(id);
    customer.deletedApplications.add(appId);
  }
}
