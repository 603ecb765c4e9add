import { partnerEntries } from 'graph-permissions/partner-table';

/** A line of the permission map as it is published: a permission opens a method of a path template. */
export interface Fact {
  readonly method: string;
  readonly path: string;
  readonly scheme: 'delegated' | 'application';
  readonly permission: string;
  readonly also: readonly string[];
}

interface Published {
  readonly permissions: Readonly<
    Record<
      string,
      {
        readonly authorizationType: string;
        readonly pathSets: readonly {
          readonly schemeKeys: readonly string[];
          readonly methods: readonly string[];
          readonly paths: Readonly<Record<string, string>>;
        }[];
      }
    >
  >;
}

/** The facts of Microsoft's published permission file, read without the product's parser. */
export function factsOf(json: string): readonly Fact[] {
  const facts: Fact[] = [];
  for (const [permission, { authorizationType, pathSets }] of Object.entries(
    (JSON.parse(json) as Published).permissions,
  )) {
    if (authorizationType === 'RSC') continue;
    for (const { schemeKeys, methods, paths } of pathSets) {
      for (const [path, note] of Object.entries(paths)) {
        const also = /AlsoRequires=([^;]*)/.exec(note)?.[1]?.split(',') ?? [];
        for (const method of methods) {
          if (schemeKeys.includes('DelegatedWork')) facts.push({ method, path, scheme: 'delegated', permission, also });
          if (schemeKeys.includes('Application')) facts.push({ method, path, scheme: 'application', permission, also });
        }
      }
    }
  }
  return facts;
}

/** The facts of the product's own table. */
export const partnerFacts = (): readonly Fact[] =>
  partnerEntries().map(({ segments, method, scheme, permission, alsoOneOf }) => ({
    method,
    path: `/${segments
      .join('/')
      .replaceAll('{}', '{id}')
      .replaceAll(
        /\(([^)]*)\)/g,
        (_, names: string) =>
          `(${names
            .split(',')
            .map((name) => `${name}={value}`)
            .join(',')})`,
      )}`,
    scheme,
    permission,
    also: alsoOneOf,
  }));

/** Facts that the product adds to every map, and whose source is the documentation of the request. */
export const supplementFacts: readonly Fact[] = [
  ['POST', '/groups/{id}/members/$ref', 'GroupMember.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All'],
  ['GET', '/directory/deviceLocalCredentials', 'DeviceLocalCredential.ReadBasic.All DeviceLocalCredential.Read.All'],
  [
    'GET',
    '/directory/deviceLocalCredentials/{id}',
    'DeviceLocalCredential.ReadBasic.All DeviceLocalCredential.Read.All',
  ],
  ['GET', '/directory/subscriptions', 'Organization.Read.All Directory.Read.All Directory.ReadWrite.All'],
  ['GET', '/drives/{id}/root/children', 'Files.Read.All Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All'],
].flatMap(([method = '', path = '', permissions = '']) =>
  permissions
    .split(' ')
    .flatMap((permission) =>
      (['delegated', 'application'] as const).map((scheme) => ({ method, path, scheme, permission, also: [] })),
    ),
);
