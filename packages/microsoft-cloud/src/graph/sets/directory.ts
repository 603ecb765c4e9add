import type { Declaration, EntitySet, Row, TenantView } from '../declaration.ts';
import type { View } from '../serve/view.ts';

/** Lists that hold the objects of other sets. */

const homes = ['users', 'groups', 'devices', 'servicePrincipals', 'applications', 'contacts', 'directoryRoles'];

/** Every object of the directory, with its type. */
function directoryObjects(tenant: TenantView): readonly Row[] {
  const { catalog } = tenant as View;
  return homes.flatMap((path) => {
    const set = catalog.at(path);
    if (set?.kind !== 'set') return [];
    return tenant.rows(path).map((row) => ({ '@odata.type': `#${set.type}`, ...row }));
  });
}

/** What clients deleted from sets and can restore. */
const deletedFrom =
  (paths: readonly string[]) =>
  (tenant: TenantView): readonly Row[] => {
    const { changes } = tenant as View;
    return paths.flatMap((path) =>
      [...(changes.rowsAt(path)?.values() ?? [])].flatMap(({ removed }): readonly Row[] =>
        removed === undefined ? [] : [removed],
      ),
    );
  };

/** What was deleted from a set of Conditional Access. Beta only. */
const deletedAccess = (name: string, type: string): Declaration => ({
  kind: 'set',
  path: `identity/conditionalAccess/deletedItems/${name}`,
  type: `microsoft.graph.${type}`,
  rows: deletedFrom([`identity/conditionalAccess/${name}`]),
  live: true,
  writes: { operations: ['delete'] },
});

const mixed = (path: string, rows: EntitySet['rows'], more: Partial<EntitySet> = {}): EntitySet => ({
  kind: 'set',
  path,
  type: 'microsoft.graph.directoryObject',
  rows,
  live: true,
  needsType: true,
  ...more,
});

export const directorySets: readonly Declaration[] = [
  mixed('directoryObjects', directoryObjects),
  mixed('directory/deletedItems', deletedFrom(homes), { writes: { operations: ['delete'] } }),
  deletedAccess('policies', 'conditionalAccessPolicy'),
  deletedAccess('namedLocations', 'namedLocation'),
];
