import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CloudRequest, Reply } from '../web/http.ts';
import { type PathParameters, route, type Route } from '../web/router.ts';
import type { World } from '../world.ts';
import type { Row } from './declaration.ts';
import type { Caller } from '../resource/caller.ts';
import { forbidden } from './graph-error.ts';

/** A Graph request with its verified caller. */
export interface GraphContext {
  readonly world: World;
  readonly request: CloudRequest;
  readonly caller: Caller;
  readonly parameters: PathParameters;
  /** The directory of the caller's tenant. */
  readonly directory: TenantDirectory;
  /** A user of the caller's tenant, by id or name, with the writes of clients. */
  readonly findUser: (key: string) => Row | undefined;
}

type GraphHandler = (context: GraphContext) => Reply;

/** A handler and its permissions. A caller needs one of them. */
export interface GraphRoute {
  readonly permissions: readonly string[];
  /** Whether the route answers a request. Otherwise the engine does. Undefined: always. */
  readonly applies: ((context: GraphContext) => boolean) | undefined;
  readonly handle: GraphHandler;
}

/**
 * @param permissions separated by spaces, from the "Permissions" table of the API's page. Empty if none is needed.
 * @param applies whether the route answers a request. Otherwise the engine does.
 */
export const graphRoute = (
  method: string,
  pattern: string,
  permissions: string,
  ...[handle, applies]: readonly [GraphHandler, ((context: GraphContext) => boolean)?]
): Route<GraphRoute> =>
  route(method, pattern, { permissions: permissions.split(' ').filter(Boolean), applies, handle });

/** @throws GraphError 403 for a user who is no administrator. To change the directory, a scope is not enough. */
export function checkAdmin({ caller }: GraphContext): void {
  if (!caller.isApplication && !caller.isAdmin) throw forbidden();
}

/** Leaves out what was created in a customer tenant too recently to be visible there. */
export function visibleIn<T extends { readonly createdMs: number }>(
  { world, caller }: GraphContext,
  records: Iterable<T>,
): readonly T[] {
  const untilMs = caller.customer === undefined ? Number.POSITIVE_INFINITY : world.visibleUntilMs();
  return [...records].filter(({ createdMs }) => createdMs <= untilMs);
}
