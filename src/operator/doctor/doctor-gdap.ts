import type { GraphClient } from '../../lib/microsoft/client.ts';
import { consentRoles } from '../../lib/microsoft/directory-roles.ts';
import type { BrokerError } from '../../lib/core/errors.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { attempt, type Check, ok } from './check.ts';
import { adminAgentsName } from '../../lib/consent/directory-state.ts';
import { customerAccess, foreignGroups, type RoleRequirement } from '../gdap/gdap-access.ts';
import {
  endsCheck,
  type GdapFacts,
  globalAdministratorCheck,
  requirementCheck,
  rolesCheck,
} from '../gdap/judge-gdap.ts';
import { type Groups, readGroupNames, readGroups, readRelationships } from '../gdap/read-gdap.ts';

export interface GdapCheckDeps {
  readonly application: string;
  readonly clock: Clock;
  /** What the jobs of this application need. */
  readonly requirements: readonly RoleRequirement[];
}

/**
 * Checks which roles the service account has at its customers. Nothing here is a failure: the account may lack a role on
 * purpose, and an application with few permissions cannot read the relationships.
 * @param graph Microsoft Graph in the partner tenant, as the service account.
 */
export async function* gdapChecks(deps: GdapCheckDeps, graph: GraphClient): AsyncGenerator<Check, void, undefined> {
  const { application, clock, requirements } = deps;
  const groups = await attempt(application, adminAgentsName, () => readGroups(graph));
  yield groups.ok
    ? adminAgentsCheck(groups.value)
    : unreadable(adminAgentsName, 'groups of the account', groups.failure);
  const read = await attempt(application, 'Delegated roles', () => readRelationships(graph, clock.nowMs()));
  if (!read.ok) yield unreadable('Delegated roles', 'delegated relationships', read.failure);
  if (!read.ok || !groups.ok) return;
  const { relationships, unread } = read.value;
  const customers = customerAccess(relationships, groups.value);
  const others = [...new Set(customers.flatMap((customer) => foreignGroups(customer, groups.value)))];
  const facts: GdapFacts = {
    customers,
    groups: groups.value,
    otherGroups: await readGroupNames(graph, others),
    nowMs: clock.nowMs(),
  };
  if (unread !== undefined) yield unreadable('Access assignments', 'access assignments of some customers', unread);
  yield rolesCheck(facts);
  if (customers.length === 0) return;
  yield endsCheck(facts);
  const globalAdministrator = globalAdministratorCheck(facts);
  if (globalAdministrator !== undefined) yield globalAdministrator;
  for (const requirement of [{ purpose: 'consent', roles: consentRoles }, ...requirements])
    yield requirementCheck(facts, requirement);
}

function adminAgentsCheck(groups: Groups): Check {
  if ([...groups.values()].includes(adminAgentsName))
    return ok(adminAgentsName, `The account is a member of ${adminAgentsName}.`);
  // Without Directory.Read.All, Graph lists the groups without their names.
  if ([...groups].some(([id, name]) => id === name))
    return {
      check: adminAgentsName,
      status: 'notice',
      message: `Whether the account is a member of ${adminAgentsName} is not known, because Graph hides the names of its groups.`,
      remedy: neededPermissions,
    };
  return {
    check: adminAgentsName,
    status: 'warning',
    message: `The account is not a member of ${adminAgentsName}, so Partner Center refuses it and Graph lists no customers.`,
    remedy: `Add the service account to the group ${adminAgentsName} of the partner tenant.`,
  };
}

const unreadable = (check: string, what: string, { code, detail }: BrokerError): Check => ({
  check,
  status: 'notice',
  message: `The ${what} could not be read (${code}): ${detail}`,
  remedy: neededPermissions,
});

const neededPermissions =
  'Delegated roles are only known to an application with User.Read, Directory.Read.All and DelegatedAdminRelationship.Read.All, whose account is in AdminAgents.';
