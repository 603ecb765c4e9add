import type { Row } from '../../graph/declaration.ts';
import { between, pick } from '../../seeded.ts';
import { directoryRoles, type RoleName } from '../roles.ts';
import { hourMs, idOf, perTenant, randomOf, type TenantFacts } from './facts.ts';
import { namedId } from './group-data.ts';
import { hasEntraP2 } from './licensing.ts';

/** A directory role that somebody holds. */
export interface RoleHolding {
  readonly role: RoleName;
  readonly principalId: string;
  readonly assignmentId: string;
  /** `/` for the whole tenant, or `/administrativeUnits/ID`. */
  readonly scope: string;
  /** The end of an eligible role that is active, milliseconds since 1970. */
  readonly activatedUntilMs?: number;
}

/** What each role is for, in our words. The names and template ids are Microsoft's. */
const descriptions: Readonly<Record<RoleName, string>> = {
  'Application Administrator': 'Manages app registrations and enterprise applications.',
  'Cloud Application Administrator': 'Manages applications, except application proxy.',
  'Conditional Access Administrator': 'Manages Conditional Access.',
  'Directory Readers': 'Reads basic directory information.',
  'Exchange Administrator': 'Manages Exchange Online.',
  'Global Administrator': 'Manages everything in the tenant.',
  'Global Reader': 'Reads everything that a Global Administrator can read.',
  'Groups Administrator': 'Manages groups and their settings.',
  'Intune Administrator': 'Manages Intune.',
  'License Administrator': 'Assigns and removes licenses.',
  'Privileged Role Administrator': 'Manages role assignments.',
  'Reports Reader': 'Reads sign-in and audit reports.',
  'Security Administrator': 'Manages security settings and reads security reports.',
  'Security Reader': 'Reads security information and reports.',
  'SharePoint Administrator': 'Manages SharePoint and OneDrive.',
  'User Administrator': 'Manages users and groups, and resets passwords of non-administrators.',
};

export const roleNames = Object.keys(directoryRoles) as readonly RoleName[];

/** `roleManagement/directory/roleDefinitions`. The id of a built-in role is that of its template. */
export const roleDefinitionRow = (role: RoleName): Row => ({
  id: directoryRoles[role],
  description: descriptions[role],
  displayName: role,
  isBuiltIn: true,
  isEnabled: true,
  resourceScopes: ['/'],
  templateId: directoryRoles[role],
  version: '1',
  rolePermissions: [{ allowedResourceActions: [], condition: null }],
});

export const roleTemplateRow = (role: RoleName): Row => ({
  id: directoryRoles[role],
  deletedDateTime: null,
  description: descriptions[role],
  displayName: role,
});

/**
 * Who holds which role: administrators hold Global Administrator and one or two more. The reports that say who is an
 * administrator agree with this.
 */
export const roleHoldingsOf = perTenant((facts): readonly RoleHolding[] => [
  ...facts.users
    .filter(({ isAdmin }) => isAdmin)
    .flatMap(({ id }, at) => {
      const random = randomOf(facts, 'roles', at);
      const others = roleNames.filter((role) => role !== 'Global Administrator' && role !== 'Directory Readers');
      const more = Array.from({ length: between(random, 1, 2) }, () => pick(random, others));
      return [...new Set<RoleName>(['Global Administrator', ...more])].map((role) => ({
        role,
        principalId: id,
        assignmentId: idOf(facts, 'role assignment', id, role),
        scope: '/',
      }));
    }),
  ...ownHoldings(facts, false),
  ...eligibleRolesOf(facts).flatMap((eligible, at): readonly RoleHolding[] =>
    randomOf(facts, 'activated roles', at)() < 0.4
      ? [
          {
            ...eligible,
            assignmentId: idOf(facts, 'activated role', eligible.assignmentId),
            activatedUntilMs: facts.startMs + 4 * hourMs,
          },
        ]
      : [],
  ),
]);

/** Roles that users of a tenant with Entra ID P2 may activate for a time. */
export const eligibleRolesOf = perTenant((facts): readonly RoleHolding[] => {
  if (!hasEntraP2(facts)) return [];
  const administrators = facts.users.filter(({ isAdmin }) => isAdmin);
  return [
    ...administrators.map(
      ({ id }): RoleHolding => ({
        role: 'Privileged Role Administrator',
        principalId: id,
        assignmentId: idOf(facts, 'role eligibility', id),
        scope: '/',
      }),
    ),
    ...ownHoldings(facts, true),
  ];
});

/** The id of an administrative unit that the caller gives. */
export const ownUnitId = (facts: TenantFacts, name: string): string => idOf(facts, 'own unit', name);

/** The roles that the caller gives. */
const ownHoldings = (facts: TenantFacts, wantsEligible: boolean): readonly RoleHolding[] =>
  facts.own.roles
    .filter(({ isEligible = false }) => isEligible === wantsEligible)
    .map(({ role, principal, administrativeUnit }, at) => ({
      role: roleNames.find((name) => name === role || directoryRoles[name] === role) ?? 'Directory Readers',
      principalId: namedId(facts)(principal),
      assignmentId: idOf(facts, 'own role', String(wantsEligible), at),
      scope: administrativeUnit === undefined ? '/' : `/administrativeUnits/${ownUnitId(facts, administrativeUnit)}`,
    }));
