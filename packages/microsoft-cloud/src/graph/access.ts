import type { Caller } from '../resource/caller.ts';
import { graphAccess, isListed } from '../resource/graph-access.ts';
import { readingPosts, rolesFor } from '../resource/graph-roles.ts';
import { hasDelegatedRole } from '../resource/delegated-roles.ts';
import { rolesThatAllow } from '../population/roles.ts';
import type { World } from '../world.ts';
import { forbidden, GraphError, NotSimulated } from './graph-error.ts';
import type { Access } from './serve/check-access.ts';

/** @throws GraphError 403 for a token without any of the permissions. */
export function checkPermission(caller: Caller, permissions: readonly string[]): void {
  if (permissions.length === 0 || permissions.some((permission) => caller.permissions.has(permission))) return;
  // Directory.AccessAsUser.All gives a client the rights of its user. Here, only administrators have rights.
  if (caller.permissions.has('Directory.AccessAsUser.All') && caller.isAdmin) return;
  throw forbidden();
}

/** @throws GraphError 403 for a delegated administrator without one of the roles in the customer tenant. */
export function checkRole(world: World, caller: Caller, roles: readonly string[] | undefined): void {
  if (!hasDelegatedRole(world, caller, roles)) throw roleError(roles);
}

const roleError = (roles: readonly string[] | undefined): GraphError =>
  roles === rolesThatAllow.reports
    ? new GraphError(403, 'Authentication_RequestFromUnsupportedUserRole', 'User is not in the allowed roles')
    : forbidden();

/** A path that the permission map lacks: its permissions are not known. */
const unlisted = (): GraphError =>
  new NotSimulated(
    403,
    'Authorization_RequestDenied',
    'Insufficient privileges to complete the operation. The permission map of the simulated cloud does not contain this path: --permissions loads the published file.',
  );

const applications = /^(?:applications|servicePrincipals)(?:[/(]|$)/i;

/**
 * `Application.ReadWrite.OwnedBy` reads all applications and writes those that the caller owns ("Get application"). The
 * permission map leaves out permissions for single objects.
 */
const readsAsOwner = ({ isApplication, permissions }: Caller, method: string, path: string): boolean =>
  isApplication && method === 'GET' && permissions.has('Application.ReadWrite.OwnedBy') && applications.test(path);

/** In the partner's own tenant, a scope is not enough to change data: only its administrators have a role there. */
const changesHome = ({ isApplication, isAdmin, customer }: Caller, method: string, path: string): boolean =>
  method !== 'GET' && !readingPosts.test(path) && customer === undefined && !isApplication && !isAdmin;

/** What a caller needs beside a valid token: permissions by the map, and roles of a delegated administrator. */
export const createAccess = (world: World): Access => ({
  check: (caller, method, path) => {
    if (readsAsOwner(caller, method, path)) return undefined;
    const found = graphAccess(world, caller, method, `/${path}`);
    if (found === undefined) throw unlisted();
    if (changesHome(caller, method, path)) throw forbidden();
    if (!found.allowed) throw found.lacks === 'role' ? roleError(rolesFor(method, `/${path}`)) : forbidden();
    return found.properties;
  },
  checkProperty: (caller, permissions) => {
    checkPermission(caller, permissions);
    checkRole(world, caller, rolesThatAllow.reports);
  },
  lists: (method, path) => isListed(world, method, `/${path}`),
  readable: (caller, path) => {
    if (readsAsOwner(caller, 'GET', path)) return 'all';
    const found = graphAccess(world, caller, 'GET', `/${path}`);
    return found?.allowed === true ? (found.properties ?? 'all') : 'none';
  },
});
