import type { PermissionRule } from '../question.ts';
import { onlyReads } from 'graph-permissions/reads';
import { createsMember } from './writes-through-navigations.ts';

/**
 * Permissions for single objects that an administrator or the application itself chose. Which ones, Entra decides for the
 * application, so a rule of the broker cannot hand them out ("Microsoft Graph permissions reference", "Overview of
 * selected permissions").
 */
const singleObjects =
  /\.(?:Selected|OwnedBy|ManagedBy|CreatedByApp|AppFolder|IdentityParentedBy|Global|Quarantined|AsGuest|WhereInstalled)$|\.(?:Manage|ReadWrite|Read)Selected(?:For|$|\.)|\.ReadWrite(?:AndConsent)?SelfFor|^Device\.CreateFromOwnedTemplate$|^Member\.Read\.Hidden$/;

export const singleObject: PermissionRule = (permission) =>
  singleObjects.test(permission) ? 'covers single objects that Entra chooses for the application' : undefined;

const intuneAreas = [
  /^devicemanagement(?:\/|$)/,
  /^deviceappmanagement(?:\/|$)/,
  /^rolemanagement\/(?:devicemanagement|cloudpc)(?:\/|$)/,
  /^reports(?:\/|$)/,
  /^officeconfiguration(?:\/|$)/,
  /^tenantrelationships\/managedtenants(?:\/|$)/,
];

/** The published file lists Intune permissions on shared roots, for example DELETE /users/{id}. */
export const intuneArea: PermissionRule = (permission, { location }) => {
  if (!permission.startsWith('DeviceManagement')) return undefined;
  const path = location.path;
  return intuneAreas.some((area) => area.test(path)) ? undefined : 'covers only Intune, not this path';
};

/** The published file lists permissions for Cloud PCs on the roles of Intune and Exchange as well. */
export const cloudPcArea: PermissionRule = (permission, { location: { template } }) =>
  /^CloudPC\.|\.CloudPC$/.test(permission) && template[0] === 'rolemanagement' && template[1] !== 'cloudpc'
    ? 'covers only Cloud PCs, not this path'
    : undefined;

/** Permissions for agents stand on the paths of all users. Only the object shows whether it is an agent. */
export const agentObjects: PermissionRule = (permission, { location }) =>
  permission.startsWith('AgentIdUser.') && ['users', 'directory'].includes(location.template[0] ?? '')
    ? 'covers only users of agents, which the path does not show'
    : undefined;

/**
 * Granting an app role needs AppRoleAssignment.ReadWrite.All. Application.ReadWrite.All excludes the roles of Microsoft
 * Graph itself, which the path does not show ("Grant an appRoleAssignment to a service principal").
 */
export const appRoles: PermissionRule = (permission, { method, location }) =>
  method !== 'GET' &&
  location.template.some((segment) => /^(?:inherited)?approleassign/.test(segment)) &&
  permission !== 'AppRoleAssignment.ReadWrite.All'
    ? 'does not assign app roles; AppRoleAssignment.ReadWrite.All does'
    : undefined;

const createsGroups = new Set(['Directory.ReadWrite.All', 'Group.ReadWrite.All', 'Group.Create']);

/** Adding a new member to an administrative unit creates the object ("Add a member", "Permissions to create a new group"). */
export const createdMembers: PermissionRule = (permission, { method, location }) =>
  createsMember(method, location) && !createsGroups.has(permission)
    ? 'adds members that exist; append /$ref, or add a permission that creates groups'
    : undefined;

const everyType = new Set(['Directory.Read.All', 'Directory.ReadWrite.All']);

/** The path of a deleted object or of a directory object does not show its type. */
export const typeOfObject: PermissionRule = (permission, { location }) => {
  const path = location.path;
  const untyped = /^(?:directory\/deleteditems|directoryobjects)\/\{\}/.test(path);
  return untyped && !everyType.has(permission) ? 'covers one type of objects, which the path does not show' : undefined;
};

/** Functions that return secrets to whoever may read. They need a permission that does more than read. */
const secretFunctions =
  /\/(?:getomasettingplaintextvalue(?:\(|$)|hardwarepassworddetails(?:\/|$)|hardwarepasswordinfo(?:\/|$)|getdeploymentaccesskey$|getfilevaultkey$|getpasswordsinglesignoncredentials$)/;

export const secrets: PermissionRule = (permission, { location }) =>
  secretFunctions.test(`/${location.path}`) && onlyReads(permission)
    ? 'only reads, and this request returns a secret'
    : undefined;
