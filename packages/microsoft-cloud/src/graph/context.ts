import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CloudRequest, Reply } from '../web/http.ts';
import { type PathParameters, route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import type { Caller } from '../resource/caller.ts';
import type { CollectionOptions } from './query.ts';
import { forbidden } from './graph-error.ts';

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
  readonly handle: GraphHandler;
}

/** @param permissions separated by spaces, from the "Permissions" table of the API's page. Empty if none is needed. */
export const graphRoute = (
  method: string,
  pattern: string,
  permissions: string,
  handle: GraphHandler,
): Route<GraphRoute> => route(method, pattern, { permissions: permissions.split(' ').filter(Boolean), handle });

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
