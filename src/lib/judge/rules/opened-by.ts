import { type Method, openings } from 'graph-permissions/permission-map';
import { isRead, onlyReads } from 'graph-permissions/reads';
import type { Location, PermissionRule, Question } from '../resolve.ts';
import { notPermitted } from '../verdict.ts';
import { basicOnly, singlePropertiesOnly } from './basic-properties.ts';
import { isDirectoryNavigation } from './directory-types.ts';

/** Objects of education that belong to several classes and schools. */
const educationNavigation =
  /^education\/(?:[a-z]+\/\{\}|me)\/(?:members|teachers|schools|classes|users|taughtclasses)(?:\/\{\})?$/;

/** Whether a request creates a member of an administrative unit, rather than adding one that exists. */
export const createsMember = (method: Method, { path, suffix }: Location): boolean =>
  method === 'POST' && path === 'directory/administrativeunits/{}/members' && suffix !== '$ref';

/**
 * Refuses to change an object through a navigation that only refers to it. Without `/$ref`, `DELETE /groups/{id}/members/{id}`
 * deletes the member itself if the token may do so ("Remove member"), and the broker's token may do more than the rule.
 */
export function refuseWriteThroughNavigation(method: Method, location: Location): void {
  const { template, path, suffix } = location;
  if (method === 'GET' || suffix === '$ref' || template.at(-1) === '$ref') return;
  if (createsMember(method, location)) return;
  if (!isDirectoryNavigation(template) && !educationNavigation.test(path)) return;
  throw notPermitted(
    `${method} ${location.written} would change the object itself; append /$ref to change the reference, or request the object on its own path.`,
  );
}

/**
 * Permissions for single objects that an administrator or the application itself chose. Which ones, Entra decides for the
 * application, so a rule of the broker cannot hand them out ("Microsoft Graph permissions reference", "Overview of
 * selected permissions").
 */
const singleObjects =
  /\.(?:Selected|OwnedBy|ManagedBy|CreatedByApp|AppFolder|IdentityParentedBy|Global|Quarantined|AsGuest|WhereInstalled)$|\.(?:Manage|ReadWrite|Read)Selected(?:For|$|\.)|\.ReadWrite(?:AndConsent)?SelfFor|^Device\.CreateFromOwnedTemplate$|^Member\.Read\.Hidden$/;

const singleObject: PermissionRule = (permission) =>
  singleObjects.test(permission) ? 'covers single objects that Entra chooses for the application' : undefined;

const intuneArea =
  /^(?:devicemanagement|deviceappmanagement|rolemanagement\/(?:devicemanagement|cloudpc)|reports|officeconfiguration|tenantrelationships\/managedtenants)(?:\/|$)/;

/** The published file lists Intune permissions on shared roots, for example DELETE /users/{id}. */
const intuneOnly: PermissionRule = (permission, { location: { path } }) =>
  permission.startsWith('DeviceManagement') && !intuneArea.test(path) ? 'covers only Intune, not this path' : undefined;

/** The published file lists permissions for Cloud PCs on the roles of Intune and Exchange as well. */
const cloudPcArea: PermissionRule = (permission, { location: { template } }) =>
  /^CloudPC\.|\.CloudPC$/.test(permission) && template[0] === 'rolemanagement' && template[1] !== 'cloudpc'
    ? 'covers only Cloud PCs, not this path'
    : undefined;

/** Permissions for agents stand on the paths of all users. Only the object shows whether it is an agent. */
const agentObjects: PermissionRule = (permission, { location }) =>
  permission.startsWith('AgentIdUser.') && ['users', 'directory'].includes(location.template[0] ?? '')
    ? 'covers only users of agents, which the path does not show'
    : undefined;

/**
 * Granting an app role needs AppRoleAssignment.ReadWrite.All. Application.ReadWrite.All excludes the roles of Microsoft
 * Graph itself, which the path does not show ("Grant an appRoleAssignment to a service principal").
 */
const appRoles: PermissionRule = (permission, { method, location }) =>
  method !== 'GET' &&
  location.template.some((segment) => /^(?:inherited)?approleassign/.test(segment)) &&
  permission !== 'AppRoleAssignment.ReadWrite.All'
    ? 'does not assign app roles; AppRoleAssignment.ReadWrite.All does'
    : undefined;

const createsGroups = new Set(['Directory.ReadWrite.All', 'Group.ReadWrite.All', 'Group.Create']);

/** Adding a new member to an administrative unit creates the object ("Add a member", "Permissions to create a new group"). */
const createdMembers: PermissionRule = (permission, { method, location }) =>
  createsMember(method, location) && !createsGroups.has(permission)
    ? 'adds members that exist; append /$ref, or add a permission that creates groups'
    : undefined;

const everyType = new Set(['Directory.Read.All', 'Directory.ReadWrite.All']);

/** The path of a deleted object or of a directory object does not show its type. */
const typeOfObject: PermissionRule = (permission, { location: { path } }) =>
  /^(?:directory\/deleteditems|directoryobjects)\/\{\}/.test(path) && !everyType.has(permission)
    ? 'covers one type of objects, which the path does not show'
    : undefined;

/** Functions that return secrets to whoever may read. They need a permission that does more than read. */
const secretFunctions =
  /\/(?:getomasettingplaintextvalue(?:\(|$)|hardwarepassworddetails(?:\/|$)|hardwarepasswordinfo(?:\/|$)|getdeploymentaccesskey$|getfilevaultkey$|getpasswordsinglesignoncredentials$)/;

const secrets: PermissionRule = (permission, { location }) =>
  secretFunctions.test(`/${location.path}`) && onlyReads(permission)
    ? 'only reads, and this request returns a secret'
    : undefined;

/** Data of the organization that a permission for the own account opens as documented ("Get organization"). */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'User.Read': ['organization'],
};

/**
 * Permissions that cover the data of the signed-in account, by name: `.Shared` covers what others share with it, and
 * `ForUser`, `ForChat`, `ForTeam` what it can reach.
 */
const reachOfAccount = /\.Shared$|For(?:User|Chat|Team)$/;

/** Honours a permission for own objects only where the path shows that the object is the account's own. */
function ownObjects(listedAsOwn: boolean): PermissionRule {
  return (permission, { grant, location, own, searchedTypes }) => {
    const limited = grant.scheme === 'delegated' && (listedAsOwn || reachOfAccount.test(permission));
    if (!limited || own) return undefined;
    const [root = '', ...rest] = location.template;
    if (rest.length === 0 && exceptions[permission]?.includes(root) === true) return undefined;
    // A search with a delegated permission looks only where the account may look; `judge-query.ts` checks its types.
    if (searchedTypes !== undefined) return undefined;
    return 'covers only the signed-in account, and the path or the rule does not';
  };
}

/**
 * A read permission opens GET, and POST only where it reads. The published file lists read permissions on 512 writes, mostly
 * halves of conjunctions: for a Conditional Access policy the documentation asks for Policy.Read.All and
 * Policy.ReadWrite.ConditionalAccess, and the file lists both singly.
 */
const readCeiling: PermissionRule = (permission, { method, location }) =>
  onlyReads(permission) && !isRead(method, `/${location.path}`) ? 'only reads' : undefined;

/** What the rule's permissions do at a location. */
interface OpenedBy {
  /** Permissions that open it, with the ones that they also need; empty if none does. */
  readonly permissions: readonly string[];
  /** Why listed permissions of the rule do not: "User.Read covers only …". */
  readonly limits: readonly string[];
}

const rules: readonly PermissionRule[] = [
  singleObject,
  readCeiling,
  intuneOnly,
  cloudPcArea,
  agentObjects,
  appRoles,
  createdMembers,
  typeOfObject,
  secrets,
  singlePropertiesOnly,
  basicOnly,
];

const limitOf: PermissionRule = (permission, question) => {
  for (const rule of rules) {
    const limit = rule(permission, question);
    if (limit !== undefined) return limit;
  }
  return undefined;
};

/** The permissions of the grant that open a location: listed in the map for the method, and not limited by a rule. */
export function openedBy(question: Question): OpenedBy {
  const { map, grant, location, method } = question;
  const permissions = new Set<string>();
  const limits = new Set<string>();
  for (const node of location.nodes) {
    for (const { permission, alsoOneOf, own } of openings(map, node, {
      method,
      scheme: grant.scheme,
      held: grant.permissions,
    })) {
      const also = alsoOneOf.find((name) => grant.permissions.has(name));
      const limit =
        alsoOneOf.length > 0 && also === undefined
          ? `also needs ${alsoOneOf.join(' or ')}`
          : (limitOf(permission, question) ?? ownObjects(own)(permission, question));
      if (limit !== undefined) {
        limits.add(`${permission} ${limit}`);
        continue;
      }
      permissions.add(permission);
      if (also !== undefined) permissions.add(also);
    }
  }
  return { permissions: [...permissions], limits: [...limits] };
}
