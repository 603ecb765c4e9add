import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CloudRequest, Reply } from '../web/http.ts';
import { type PathParameters, route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import type { Caller } from '../resource/caller.ts';
import type { CollectionOptions } from './query.ts';
import { rolesThatAllow } from '../population/roles.ts';
import { hasDelegatedRole } from '../resource/delegated-roles.ts';
import { forbidden, GraphError } from './graph-error.ts';

/** A Graph request with its verified caller. */
export interface GraphContext {
  readonly world: World;
  readonly request: CloudRequest;
  readonly caller: Caller;
  readonly parameters: PathParameters;
  /** The directory of the caller's tenant. */
  readonly directory: TenantDirectory;
}

type GraphHandler = (context: GraphContext) => Reply;

/** A handler and its permissions. A caller needs one of them. */
export interface GraphRoute {
  readonly permissions: readonly string[];
  /** Roles of a delegated administrator, of which one is needed in a customer tenant. Undefined: any role. */
  readonly roles: readonly string[] | undefined;
  readonly handle: GraphHandler;
}

/** @param permissions separated by spaces, from the "Permissions" table of the API's page. Empty if none is needed. */
export const graphRoute = (
  method: string,
  pattern: string,
  permissions: string,
  handle: GraphHandler,
): Route<GraphRoute> =>
  route(method, pattern, { permissions: permissions.split(' ').filter(Boolean), roles: undefined, handle });

/** Limits a route to callers with one of the roles, where they are delegated administrators. */
export const withRoles = (roles: readonly string[], { handler, ...rest }: Route<GraphRoute>): Route<GraphRoute> => ({
  ...rest,
  handler: { ...handler, roles },
});

/** @throws GraphError 403 for a delegated administrator without one of the roles in the customer tenant. */
export function checkRole({ world, caller }: GraphContext, roles: readonly string[] | undefined): void {
  if (hasDelegatedRole(world, caller, roles)) return;
  if (roles !== rolesThatAllow.reports) throw forbidden();
  throw new GraphError(403, 'Authentication_RequestFromUnsupportedUserRole', 'User is not in the allowed roles');
}

/** @throws GraphError 403 for a token without any of the permissions. */
export function checkPermission({ caller }: GraphContext, permissions: readonly string[]): void {
  if (permissions.length === 0 || permissions.some((permission) => caller.permissions.has(permission))) return;
  // Directory.AccessAsUser.All gives a client the rights of its user. Here, only administrators have rights.
  if (caller.permissions.has('Directory.AccessAsUser.All') && caller.isAdmin) return;
  throw forbidden();
}

/** @throws GraphError 403 for a user who is no administrator. To change the directory, a scope is not enough. */
export function checkAdmin({ caller }: GraphContext): void {
  if (!caller.isApplication && !caller.isAdmin) throw forbidden();
}

/** @param context the part of `@odata.context` after `$metadata#`. */
export function listOptions(
  { world, request }: GraphContext,
  context: string,
  more: Partial<CollectionOptions> = {},
): CollectionOptions {
  return { address: `${world.addresses().graph}${request.path}`, context, query: request.query, ...more };
}

/** Leaves out what was created in a customer tenant too recently to be visible there. */
export function visibleIn<T extends { readonly createdMs: number }>(
  { world, caller }: GraphContext,
  records: Iterable<T>,
): readonly T[] {
  const untilMs = caller.customer === undefined ? Number.POSITIVE_INFINITY : world.visibleUntilMs();
  return [...records].filter(({ createdMs }) => createdMs <= untilMs);
}
