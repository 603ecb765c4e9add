import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CloudRequest, Reply } from '../web/http.ts';
import { type PathParameters, route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import type { Caller } from '../resource/caller.ts';
import type { CollectionOptions } from './query.ts';
import { forbidden } from './graph-error.ts';

/** One Graph request on its way through a handler. */
export interface GraphContext {
  readonly world: World;
  readonly request: CloudRequest;
  readonly caller: Caller;
  readonly parameters: PathParameters;
  /** The directory of the caller's tenant. */
  readonly directory: TenantDirectory;
}

export type GraphHandler = (context: GraphContext) => Reply;

/** A handler with the permissions that open it: any one of them is enough. */
export interface GraphRoute {
  readonly permissions: readonly string[];
  readonly handle: GraphHandler;
}

/** @param permissions separated by spaces, from the "Permissions" table of the API's page; empty: any token will do. */
export const graphRoute = (
  method: string,
  pattern: string,
  permissions: string,
  handle: GraphHandler,
): Route<GraphRoute> => route(method, pattern, { permissions: permissions.split(' ').filter(Boolean), handle });

/** @throws GraphError 403 where the token carries none of the permissions. */
export function checkPermission({ caller }: GraphContext, permissions: readonly string[]): void {
  if (permissions.length === 0 || permissions.some((permission) => caller.permissions.has(permission))) return;
  // Directory.AccessAsUser.All lets an application do what its user may; only administrators are let do anything here.
  if (caller.permissions.has('Directory.AccessAsUser.All') && caller.isAdmin) return;
  throw forbidden();
}

/** @throws GraphError 403 where a user without a role changes the directory: the scope alone is not enough. */
export function checkAdmin({ caller }: GraphContext): void {
  if (!caller.isApplication && !caller.isAdmin) throw forbidden();
}

/** What the list helpers need to know of this request. */
export function listOptions(
  { world, request }: GraphContext,
  context: string,
  more: Partial<CollectionOptions> = {},
): CollectionOptions {
  return { address: `${world.addresses().graph}${request.path}`, context, query: request.query, ...more };
}
