import type { PermissionMap, Scheme } from 'graph-permissions/permission-map';
import { judgeRequest } from './judge.ts';
import type { GatewayRequest, Grant } from './verdict.ts';

/** Which permissions a request needs. */
export type Requirement =
  /** Each of these opens the whole request alone; or, if none does, an example of a set that does, which is minimal. */
  | { readonly opened: true; readonly anyOf: readonly string[]; readonly together: readonly string[] }
  /** No permissions open it. */
  | { readonly opened: false; readonly reason: string };

/** The permissions that a request needs, by the rules of the judge. Takes milliseconds. Pure. */
export function requiredPermissions(
  map: PermissionMap,
  request: GatewayRequest,
  { scheme, host }: { scheme: Scheme; host: string },
): Requirement {
  const verdictOf = (permissions: Iterable<string>) => {
    const grant: Grant = { scheme, permissions: new Set(permissions), beta: true, me: true, host };
    return judgeRequest(map, grant, request);
  };
  const all = verdictOf(map.permissions);
  if (!all.allowed) return { opened: false, reason: all.reason };
  const anyOf = all.permissions.filter((permission) => verdictOf([permission]).allowed);
  if (anyOf.length > 0) return { opened: true, anyOf, together: [] };
  let together = all.permissions.toSorted(narrowFirst);
  for (const permission of together.toReversed()) {
    const without = together.filter((other) => other !== permission);
    if (verdictOf(without).allowed) together = without;
  }
  return { opened: true, anyOf: [], together: together.toSorted() };
}

/**
 * The permissions without which every one of these requests is still opened by the others. Pure.
 * @param permissions What a job or rule names.
 */
export function unneededPermissions(
  map: PermissionMap,
  requests: readonly GatewayRequest[],
  { permissions, scheme, host }: { permissions: readonly string[]; scheme: Scheme; host: string },
): readonly string[] {
  return permissions.filter((permission) => {
    const others = new Set(permissions.filter((other) => other !== permission));
    const grant: Grant = { scheme, permissions: others, beta: true, me: true, host };
    return requests.every((request) => judgeRequest(map, grant, request).allowed);
  });
}

/** Permissions to read come first, and those for the whole directory last. */
function narrowFirst(one: string, other: string): number {
  return breadth(one) - breadth(other) || (one < other ? -1 : 1);
}

const breadth = (permission: string): number =>
  (permission.startsWith('Directory.') ? 2 : 0) + (/\.Read(?:Basic)?(?:\.|$)/.test(permission) ? 0 : 1);
