import { partnerMap } from 'graph-permissions/partner-table';
import { type MapNode, methods, openings, schemes } from 'graph-permissions/permission-map';

interface PathSet {
  readonly schemeKeys: readonly ('DelegatedWork' | 'Application')[];
  readonly methods: readonly string[];
  readonly paths: Readonly<Record<string, string>>;
}
export type PublishedPermissions = Record<string, { authorizationType: 'oAuth2' | 'RSC'; pathSets: PathSet[] }>;

/** A file in the form of Microsoft's published permission file, with the pairs of the project's own table. */
export function publishedFile(change: (permissions: PublishedPermissions) => void = () => undefined): string {
  const map = partnerMap();
  const permissions: PublishedPermissions = {};
  const visit = (node: MapNode, path: string): void => {
    for (const method of methods) {
      for (const scheme of schemes) {
        const schemeKeys = [scheme === 'delegated' ? ('DelegatedWork' as const) : ('Application' as const)];
        for (const { permission, alsoOneOf, least } of openings(map, node, { method, scheme, held: undefined })) {
          const entry = (permissions[permission] ??= { authorizationType: 'oAuth2', pathSets: [] });
          const also = alsoOneOf.length === 0 ? '' : `AlsoRequires=${alsoOneOf.join(',')}`;
          const annotation = `${least ? `least=${schemeKeys[0]};` : ''}${also}`;
          entry.pathSets.push({ schemeKeys, methods: [method], paths: { [path]: annotation } });
        }
      }
    }
    for (const [segment, child] of Object.entries(node[1] ?? {})) {
      visit(child, `${path}/${segment === '{}' ? '{id}' : segment.replaceAll(/(\w+)(?=[,)])/g, '$1={$1}')}`);
    }
  };
  visit(map.root, '');
  change(permissions);
  return JSON.stringify({ $schema: 'https://example.com/schema.json', permissions });
}
