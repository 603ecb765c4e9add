import { partnerMap } from 'graph-permissions/partner-table';
import { openings, type MapNode, methods, type PermissionMap, type Scheme } from 'graph-permissions/permission-map';
import type { Seeded } from '../seeded.ts';
import { createGraphPermissions, type PermissionTable } from './microsoft-permissions.ts';

/** What the simulated Graph knows about permissions. */
export interface GraphPermissions {
  /** Which permissions open which requests. Built on first use. */
  map(): PermissionMap;
  /** Every permission that can be consented. */
  table(): PermissionTable;
}

/**
 * Permissions that the map has, and Microsoft publishes no id for, get an id that follows from their name, so that they can
 * be consented too.
 * @param published the map of Microsoft's published permission file. Without it, the table of what partners use serves.
 */
export function createGraphPermissionMap(seeded: Seeded, published?: PermissionMap): GraphPermissions {
  let map = published;
  let table: PermissionTable | undefined;
  const built = (): PermissionMap => (map ??= partnerMap());
  return {
    map: built,
    table: () =>
      (table ??= createGraphPermissions({
        scopes: namesIn(built(), 'delegated'),
        roles: namesIn(built(), 'application'),
        idOf: (name, kind) => seeded.guid('graph-permission', kind, name),
      })),
  };
}

/** The permissions that open anything. */
function namesIn(map: PermissionMap, scheme: Scheme): ReadonlySet<string> {
  const names = new Set<string>();
  for (const row of map.access.keys()) {
    const node: MapNode = [row];
    for (const method of methods)
      for (const { permission } of openings(map, node, { method, scheme, held: undefined })) names.add(permission);
  }
  return names;
}
