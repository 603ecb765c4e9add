import * as z from 'zod';
import { buildPermissionMap, type MapEntry } from './build-map.ts';
import { childOf, methods, openings, type PermissionMap, type Scheme } from './permission-map.ts';
import { supplement } from './supplement.ts';
import { templateSegments } from './template.ts';

/**
 * Microsoft's published permission file, `permissions.json` of microsoftgraph/microsoft-graph-devx-content. Its schema is
 * microsoftgraph/kibali, `specs/permissions-schema.json`.
 */
const pathSet = z.strictObject({
  schemeKeys: z.array(z.enum(['DelegatedWork', 'DelegatedPersonal', 'Application'])),
  methods: z.array(z.enum(methods)),
  paths: z.record(z.string(), z.string()),
  // The schema allows limits to some properties. Such a set grants nothing here, because a path does not show them.
  includedProperties: z.array(z.string()).optional(),
  excludedProperties: z.array(z.string()).optional(),
  implicit: z.boolean().optional(),
});
const document = z.strictObject({
  $schema: z.string().optional(),
  permissions: z.record(
    z.string().regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/),
    z.object({
      // Resource-specific permissions (RSC) are given for one team or chat, never delegated for a tenant.
      authorizationType: z.enum(['oAuth2', 'RSC']),
      pathSets: z.array(pathSet),
    }),
  ),
});
type PathSet = z.infer<typeof pathSet>;

/** What was read from a published file. */
export interface PublishedMap {
  readonly map: PermissionMap;
  readonly permissions: number;
  /** Path templates that were left out, because they are broken or the gateway refuses their form. Sorted. */
  readonly skippedPaths: readonly string[];
}

const schemeNames: Readonly<Record<PathSet['schemeKeys'][number], Scheme | undefined>> = {
  DelegatedWork: 'delegated',
  Application: 'application',
  DelegatedPersonal: undefined,
};

/**
 * Reads Microsoft's published permission file. Entries of our supplement are added.
 * @throws Error with the place and the next step, for a file that has another form, or is not this file.
 */
export function parsePublishedFile(json: string): PublishedMap {
  const parsed = document.safeParse(parseJson(json));
  if (!parsed.success) throw new Error(`${notTheFile} ${firstIssue(parsed.error.issues)}`);
  const skipped = new Set<string>();
  const entries: MapEntry[] = [];
  const permissions = Object.entries(parsed.data.permissions).filter(
    ([, { authorizationType }]) => authorizationType !== 'RSC',
  );
  for (const [permission, { pathSets }] of permissions) {
    for (const set of pathSets) entries.push(...entriesOf(permission, set, skipped));
  }
  const map = buildPermissionMap([...entries, ...supplement()]);
  expectUsers(map);
  return { map, permissions: permissions.length, skippedPaths: [...skipped].toSorted() };
}

/** What every error about a wrong file begins with. */
export const notTheFile = "This is not Microsoft's published permission file; download permissions.json again.";

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new Error(`${notTheFile} It is not JSON.`, { cause: error });
  }
}

function firstIssue(issues: readonly z.core.$ZodIssue[]): string {
  const [issue] = issues;
  return issue === undefined ? '' : `At ${issue.path.join(' → ') || 'the top'}: ${issue.message}.`;
}

/** Every version of the file lets User.Read.All read users. A file that does not would refuse everything. */
function expectUsers(map: PermissionMap): void {
  const users = childOf(map.root, 'users');
  const held = new Set(['User.Read.All']);
  if (users !== undefined && openings(map, users, { method: 'GET', scheme: 'delegated', held }).length > 0) return;
  throw new Error(`${notTheFile} It does not let User.Read.All read /users.`);
}

function entriesOf(permission: string, set: PathSet, skipped: Set<string>): MapEntry[] {
  const limited = (set.includedProperties ?? set.excludedProperties) !== undefined;
  if (limited || set.implicit === true) return [];
  const entries: MapEntry[] = [];
  for (const [path, annotation] of Object.entries(set.paths)) {
    const { alsoOneOf, leastFor } = annotated(annotation, `${permission} ${path}`);
    const segments = templateSegments(path);
    if (segments === undefined) {
      skipped.add(path);
      continue;
    }
    for (const key of set.schemeKeys) {
      const scheme = schemeNames[key];
      if (scheme === undefined) continue;
      const least = leastFor.includes(key);
      for (const method of set.methods) entries.push({ segments, method, scheme, permission, alsoOneOf, least });
    }
  }
  return entries;
}

/**
 * Reads an annotation such as "least=DelegatedWork,Application;AlsoRequires=A,B": the kinds of token for which the permission
 * is the least privileged one, and the permissions of which one is needed as well.
 */
function annotated(annotation: string, place: string) {
  let alsoOneOf: readonly string[] = [];
  let leastFor: readonly string[] = [];
  for (const part of annotation.split(';').filter((text) => text !== '')) {
    const [name, value = ''] = part.split('=', 2);
    const names = value.split(',').map((text) => text.trim());
    if (name === 'AlsoRequires' && value !== '') alsoOneOf = names;
    else if (name === 'least') leastFor = names;
    else throw new Error(`${notTheFile} At ${place}: "${part}" is unknown.`);
  }
  return { alsoOneOf, leastFor };
}
