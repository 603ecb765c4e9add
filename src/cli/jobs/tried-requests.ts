import type { PermissionMap } from 'graph-permissions/permission-map';
import { judgeRequest, requiredPermissions, type Requirement, unneededPermissions } from '../../lib/judge/judge.ts';
import { publicGraphHost } from '../../lib/core/resources.ts';
import type { GatewayRequest, Grant } from '../../lib/judge/verdict.ts';

/** Requests of a job to Microsoft Graph that differ only in ids. */
export interface TriedRequest {
  /** Decoded, with `{id}` for GUIDs: `GET /v1.0/users?$select=id`. */
  readonly request: string;
  readonly count: number;
  /** Permissions of the job's definition that open it. */
  readonly openedBy: readonly string[];
  /** All permissions that would. */
  readonly required: Requirement;
}

export interface TriedPermissions {
  readonly requests: readonly TriedRequest[];
  /** Declared Graph permissions that no request needs. */
  readonly unneeded: readonly string[];
}

/** What a job declares. */
interface Declared {
  readonly permissions: readonly string[];
  /** Aliases. Permissions that the map does not contain are those of other resources, if there are any. */
  readonly resources: readonly string[];
}

const judgeOptions = { scheme: 'delegated', host: publicGraphHost } as const;

/**
 * The permissions that the requests of a job need, beside those that it declares. Pure.
 * @param reads Requests as the ledger of the simulated cloud records them.
 */
export function triedPermissions(map: PermissionMap, reads: readonly string[], declared: Declared): TriedPermissions {
  const groups = new Map<string, { readonly first: GatewayRequest; count: number }>();
  for (const read of reads) {
    const request = shown(read);
    const group = groups.get(request) ?? { first: asRequest(read), count: 0 };
    group.count += 1;
    groups.set(request, group);
  }
  const grant: Grant = { ...judgeOptions, permissions: new Set(declared.permissions), beta: true, me: true };
  const requests = [...groups].map(([request, { first, count }]): TriedRequest => {
    const verdict = judgeRequest(map, grant, first);
    const required = requiredPermissions(map, first, judgeOptions);
    return { request, count, openedBy: verdict.allowed ? verdict.permissions : [], required };
  });
  const graphOnly = declared.resources.every((alias) => alias === 'graph');
  const permissions = declared.permissions.filter((name) => graphOnly || map.permissions.includes(name));
  const first = [...groups.values()].map((group) => group.first);
  return { requests, unneeded: unneededPermissions(map, first, { ...judgeOptions, permissions }) };
}

/** A page after the first has no token in the ledger, so it is judged like the first one. */
function asRequest(read: string): GatewayRequest {
  const [method = '', url = ''] = read.split(' ', 2);
  return { method, url };
}

const guid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

function shown(read: string): string {
  const text = read.replaceAll('+', ' ');
  try {
    return decodeURIComponent(text).replaceAll(guid, '{id}');
  } catch {
    return text.replaceAll(guid, '{id}');
  }
}
